import { mkdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as z from 'zod';
import { writeAtomic } from '../core/early.ts';

const bounds = z.object({
  x: z.number().int().optional(),
  y: z.number().int().optional(),
  width: z.number().int().min(720).max(20_000),
  height: z.number().int().min(480).max(20_000),
  maximized: z.boolean(),
});
export type WindowBounds = z.infer<typeof bounds>;

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const defaultBounds: WindowBounds = { width: 1280, height: 800, maximized: false };

/**
 * Where the window was, put right for the screens that are there now: a place that no screen shows is forgotten, and a
 * size larger than every screen is cut.
 */
export function fitBounds(saved: unknown, areas: readonly Area[]): WindowBounds {
  const parsed = bounds.safeParse(saved);
  if (!parsed.success) return defaultBounds;
  const { x, y, ...rest } = parsed.data;
  const width = Math.min(rest.width, Math.max(720, ...areas.map((area) => area.width)));
  const height = Math.min(rest.height, Math.max(480, ...areas.map((area) => area.height)));
  const size = { ...rest, width, height };
  if (x === undefined || y === undefined) return size;
  // Enough of the title bar to take hold of.
  const seen = areas.some(
    (area) =>
      x + width > area.x + 100 &&
      x < area.x + area.width - 100 &&
      y >= area.y - 10 &&
      y < area.y + area.height - 50,
  );
  return seen ? { ...size, x, y } : size;
}

/** The saved place of the window, or null. Never throws: a lost place is no loss. */
export function readBounds(configDir: string): unknown {
  try {
    return JSON.parse(readFileSync(path.join(configDir, 'window.json'), 'utf8'));
  } catch {
    return null;
  }
}

export async function saveBounds(configDir: string, value: WindowBounds): Promise<void> {
  mkdirSync(configDir, { recursive: true, mode: 0o700 });
  await writeAtomic(path.join(configDir, 'window.json'), `${JSON.stringify(value)}\n`);
}
