import { shell } from './call.ts';

export const writeClipboard = (text: string): Promise<void> => shell('shell.writeClipboard', { text });
