import * as z from 'zod';

export const settingsSchema = z.object({
  theme: z.enum(['system', 'light', 'dark']),
  /** Pixels. */
  consoleFontSize: z.number().int().min(8).max(32),
  /** Seconds to wait after an ACPI shut-down before offering to force it. */
  shutdownDeadline: z.number().int().min(5).max(3600),
  /** Allow programs in consoles to write the clipboard (OSC 52). */
  osc52: z.boolean(),
});
export type Settings = z.infer<typeof settingsSchema>;

export const defaultSettings: Settings = {
  theme: 'system',
  consoleFontSize: 13,
  shutdownDeadline: 60,
  osc52: false,
};
