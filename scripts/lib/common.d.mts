export const root: string;
export const isRoot: boolean;
export function devCache(env?: NodeJS.ProcessEnv): string;
export function which(program: string, env?: NodeJS.ProcessEnv): string | null;
export function say(line: string): void;
