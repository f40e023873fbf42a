import { expect, it } from 'vitest';
import { decodeXml } from './xml-encoding.ts';

const bytes = (text: string, encoding: BufferEncoding = 'utf8') =>
  new Uint8Array(Buffer.from(text, encoding));

it('reads UTF-8 as it is, its mark at the beginning too', () => {
  for (const text of [
    '<domain/>',
    '\ufeff<domain/>',
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<domain>ü\u{1f600}</domain>',
    "<?xml version='1.0' encoding='us-ascii'?><domain/>",
  ])
    expect(decodeXml(bytes(text), 'a.xml')).toBe(text);
});

it('refuses what it would read wrongly, and says what to do', () => {
  for (const [file, why] of [
    [bytes("<?xml version='1.0' encoding='ISO-8859-1'?><domain>ü</domain>", 'latin1'), 'ISO-8859-1'],
    [bytes("\ufeff<?xml version='1.0' encoding='ISO-8859-1'?><domain/>"), 'ISO-8859-1'],
    [bytes('<domain>ü</domain>', 'latin1'), 'no UTF-8'],
    [bytes('\ufeff<domain/>', 'utf16le'), 'UTF-16'],
    [bytes('<domain/>', 'utf16le'), 'UTF-16'],
  ] as const)
    expect(() => decodeXml(file, 'a.xml')).toThrow(
      expect.objectContaining({ code: 'xml-invalid', why: expect.stringContaining(why) }),
    );
});
