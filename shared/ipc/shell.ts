import * as z from 'zod';
import { type CallSpec, call } from './call.ts';
import type { ShellCallName } from './channels.ts';

const nothing = z.undefined();

/** What the window's own process answers. Apart from core's contract: the window opens before that is loaded. */
export const shellContract = {
  'shell.openExternal': call(z.object({ url: z.url({ protocol: /^https$/ }) })).returns<void>(),
  'shell.showInFolder': call(z.object({ path: z.string() })).returns<void>(),
  'shell.writeClipboard': call(z.object({ text: z.string().max(1 << 20) })).returns<void>(),
  /** Asks where to and writes it there (0600). Null when the person gave up. */
  'shell.saveText': call(
    z.object({
      /** Proposed file name. */
      name: z.string().min(1).max(120),
      text: z.string().max(1 << 24),
    }),
  ).returns<{ path: string } | null>(),
  /** Asks for one file to read. Null when the person gave up. */
  'shell.pickFile': call(
    z.object({
      title: z.string().min(1).max(120),
      /** Endings without the dot; all other files can be chosen too. */
      endings: z.array(z.string().regex(/^[a-z0-9]{1,10}$/)).max(20),
      /** What files of these endings are called. */
      kind: z.string().min(1).max(60),
    }),
  ).returns<{ path: string } | null>(),
  /** The clipboard's text, to type it into a guest. Answers the window in front alone. */
  'shell.readClipboard': call(nothing).returns<{ text: string }>(),
  /** As `saveText`, for a PNG in base64. */
  'shell.savePicture': call(
    z.object({
      name: z.string().min(1).max(120),
      png: z.base64().max(96 << 20),
    }),
  ).returns<{ path: string } | null>(),
  /** A guest's screen in a window of its own; brings it to the front when it is open. */
  'shell.openScreen': call(
    z.object({ id: z.string().min(1).max(200), title: z.string().max(200) }),
  ).returns<void>(),
  /** While on, the menu's keys (F11, Ctrl+Shift+Q and so on) go to the page like all others. */
  'shell.keepKeys': call(z.object({ on: z.boolean() })).returns<void>(),
  'shell.fullScreen': call(z.object({ on: z.boolean() })).returns<void>(),
  'shell.info': call(nothing).returns<{ version: string; electron: string; chrome: string; gpu: boolean }>(),
} satisfies Record<ShellCallName, CallSpec>;
export type ShellContract = typeof shellContract;
export type ShellCallInput<N extends ShellCallName> = z.input<ShellContract[N]['input']>;
export type ShellCallOutput<N extends ShellCallName> =
  ShellContract[N] extends CallSpec<z.ZodType, infer O> ? O : never;
