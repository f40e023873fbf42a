import { GuesthouseError } from '../../../shared/errors.ts';

/**
 * The text of an XML file. It is kept byte for byte, and written as UTF-8: what is in another encoding, or says so, is
 * refused rather than read wrongly (XML 1.0, 4.3.3).
 * @throws {GuesthouseError} `xml-invalid`
 */
export function decodeXml(bytes: Uint8Array, file: string): string {
  const refuse = (what: string) =>
    new GuesthouseError('xml-invalid', 'The XML is not in UTF-8.', {
      why: `Line 1, column 1: ${what} (${file}).`,
      todo: 'Save it as UTF-8 and try again.',
    });
  const [a, b] = bytes;
  if (
    (a === 0xff && b === 0xfe) ||
    (a === 0xfe && b === 0xff) ||
    (a === 0x3c && b === 0) ||
    (a === 0 && b === 0x3c)
  )
    throw refuse('it is in UTF-16 or UTF-32');
  const head = String.fromCharCode(...bytes.subarray(0, 200));
  const said = /^(?:\u00ef\u00bb\u00bf)?<\?xml[^>]*?\bencoding\s*=\s*["']([^"'>]*)["']/.exec(head)?.[1];
  if (said !== undefined && !/^(utf-?8|us-ascii|ascii)$/i.test(said)) throw refuse(`it is in ${said}`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse('it holds bytes that are no UTF-8');
  }
}
