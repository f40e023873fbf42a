import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { XmlCheck } from '../../../shared/ipc/guests.ts';
import { run } from '../platform/exec.ts';
import { writeAtomic } from '../platform/fs.ts';

const most = 50;

/**
 * What libvirt's RNG schema says of a domain, by virt-xml-validate(1). The text must have been parsed before: that
 * refuses entity declarations, which libxml2 would expand.
 * @param dir a private folder for the file the program reads
 */
export async function checkSchema(text: string, dir: string): Promise<XmlCheck['schema']> {
  const file = path.join(dir, `check-${randomBytes(6).toString('hex')}.xml`);
  try {
    await writeAtomic(file, text);
    const { code, stdout, stderr } = await run(['virt-xml-validate', file, 'domain'], {
      okCodes: [0, 1, 2, 3, 4, 5],
      timeoutMs: 20_000,
    });
    if (code === 0) return { state: 'valid', messages: [] };
    const messages = messagesIn(`${stderr}\n${stdout}`, file);
    // Without a line about the file it was the program that failed: no schema installed, no xmllint.
    return messages.length > 0
      ? { state: 'invalid', messages }
      : {
          state: 'unavailable',
          messages: [{ line: null, text: stderr.trim().split('\n').at(-1)?.slice(0, 500) ?? '' }],
        };
  } catch (error) {
    if (
      error instanceof GuesthouseError &&
      ['program-missing', 'timeout', 'program-failed'].includes(error.code)
    )
      return { state: 'unavailable', messages: [{ line: null, text: error.message }] };
    throw error;
  } finally {
    await fs.rm(file, { force: true });
  }
}

/** `FILE:7: element disk: Relax-NG validity error : Element disk failed to validate content` */
function messagesIn(output: string, file: string): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = [];
  for (const line of output.split('\n')) {
    if (!line.startsWith(`${file}:`) || found.length >= most) continue;
    const match = /^(\d+): (?:element [^:]*: )?(?:Relax-NG validity error : |parser error : )?(.*)$/.exec(
      line.slice(file.length + 1),
    );
    if (match) found.push({ line: Number(match[1]), text: match[2]! });
  }
  return found.sort((a, b) => a.line - b.line);
}
