import { shell } from './call.ts';

/** The clipboard's text; only while this window is in front. */
export const readClipboard = async (): Promise<string> => (await shell('shell.readClipboard')).text;

export const writeClipboard = (text: string): Promise<void> => shell('shell.writeClipboard', { text });
