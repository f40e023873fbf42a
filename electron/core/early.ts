/** What the window needs of core without the library: a second, narrow door, since the whole takes a while. */
export { endsAtLogout } from './platform/detached.ts';
export { writeAtomic } from './platform/fs.ts';
export { libraryPaths } from './platform/paths.ts';
