/**
 * Quoting for shells and for ssh's own configuration. Over SSH the far shell parses what is sent (ssh joins its
 * arguments with spaces), so everything that becomes a remote command goes through {@link quote}, and nothing else
 * builds remote commands.
 */

/**
 * One word for a POSIX shell: safe characters as they are, everything else in single quotes (POSIX.1-2017, XCU 2.2.2).
 * @throws RangeError for a NUL, which no argument can hold
 */
export function quote(word: string): string {
  if (word.includes('\0')) throw new RangeError('An argument cannot hold a NUL character.');
  // `=` and `~` stay inside quotes: a first word with `=` would be an assignment, `~` would be expanded.
  if (/^[A-Za-z0-9_@%+:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A command line for a POSIX shell from its words. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}

/**
 * One value for an ssh_config keyword or `-o`: in double quotes, with quotes and backslashes escaped (ssh_config(5);
 * argv_split in OpenSSH's misc.c).
 * @param tokens true when the keyword expands `%` tokens and `${}` (file names, see TOKENS in ssh_config(5))
 * @throws RangeError when the value cannot be written: a line break, or `${` where it would be expanded
 */
export function configValue(value: string, tokens = false): string {
  if (/[\0\r\n]/.test(value)) throw new RangeError('A line break cannot stand in an ssh configuration.');
  if (tokens && value.includes('${')) throw new RangeError('ssh would expand ${ in this file name.');
  const text = tokens ? value.replaceAll('%', '%%') : value;
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
