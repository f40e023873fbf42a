import { shell } from './call.ts';

/** Absolute path of a file the person dropped or chose; null for one that is not on disk. */
export const pathForFile = (file: File): string | null => window.guesthouse.pathForFile(file) || null;

/** As {@link saveText}, for a PNG in base64. */
export const savePicture = (name: string, png: string): Promise<{ path: string } | null> =>
  shell('shell.savePicture', { name, png });

/** Asks where to and writes it there; null when the person gave up. */
export const saveText = (name: string, text: string): Promise<{ path: string } | null> =>
  shell('shell.saveText', { name, text });

/** Asks for a file; null when the person gave up. `endings` without the dot, and what such files are called. */
export const pickFile = async (
  title: string,
  endings: readonly string[],
  kind: string,
): Promise<string | null> =>
  (await shell('shell.pickFile', { title, endings: [...endings], kind }))?.path ?? null;
