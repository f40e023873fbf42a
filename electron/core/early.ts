/** What the window needs of core before the library is opened: a second, narrow door, since the whole takes a while. */
export { writeAtomic } from './platform/fs.ts';
export { libraryPaths } from './platform/paths.ts';
