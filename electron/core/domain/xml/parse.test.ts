import { describe, expect, it } from 'vitest';
import { GuesthouseError } from '../../../../shared/errors.ts';
import { everyDomain } from '../testing.ts';
import { childElements, maxXmlLength, parseXml, textOf, type XmlElement } from './parse.ts';

function failure(text: string): GuesthouseError {
  try {
    parseXml(text);
  } catch (error) {
    if (error instanceof GuesthouseError) return error;
    throw error;
  }
  throw new Error(`taken: ${text.slice(0, 80)}`);
}

describe('parseXml refuses', () => {
  const cases: Record<string, string> = {
    nothing: '',
    'white space only': ' \n',
    'text outside': '<a/>x',
    'two roots': '<a/>\n<b/>',
    'an unbound prefix': '<a><x:b/></a>',
    'an unbound attribute prefix': '<a x:b="1"/>',
    'an unknown entity': '<a>&nope;</a>',
    'an unknown entity in an attribute': '<a b="&nope;"/>',
    'an attribute given twice': '<a b="1" b="2"/>',
    'an attribute given twice through two prefixes': '<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>',
    'crossed tags': '<a><b></a></b>',
    'an open tag': '<a><b></b>',
    'an unquoted attribute': '<a b=1/>',
    'a bare less-than in an attribute': '<a b="<"/>',
    'a bare ampersand': '<a>a & b</a>',
    NUL: '<a>\u0000</a>',
    'a reference to NUL': '<a>&#0;</a>',
    'a control character': '<a>\u001b</a>',
    'a reference to a control character': '<a>&#27;</a>',
    'a lone surrogate': '<a>\ud800</a>',
    'two dashes in a comment': '<a><!-- -- --></a>',
    'a late XML declaration': '\n<?xml version="1.0"?><a/>',
    'XML 1.1': '<?xml version="1.1"?><a/>',
    'an entity of its own': '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
    'an external entity': '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    'an entity bomb':
      '<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;&l;&l;">]><a>&m;&m;</a>',
    'a bracket hidden in a DOCTYPE': '<!DOCTYPE a SYSTEM "x" [ <!ELEMENT a ANY> ]><a/>',
    'deep nesting': `${'<a>'.repeat(201)}${'</a>'.repeat(201)}`,
    'CDATA that ends in text': '<a>]]></a>',
  };
  for (const [name, text] of Object.entries(cases))
    it(name, () => {
      const error = failure(text);
      expect(error.code).toBe('xml-invalid');
      expect(error.why).toMatch(/^Line \d+, column \d+: ./);
    });

  it('a text that is too long, without reading it', () => {
    expect(failure(`<a>${' '.repeat(maxXmlLength)}</a>`).why).toContain('characters');
  });

  it('and names the line and the column', () => {
    expect(failure('<a>\r\n  <b></c>\r\n</a>').why).toMatch(/^Line 2, column \d+: .*c/);
    expect(failure('<a>\n<b/>\n<x:c/></a>').why).toMatch(/^Line 3, /);
  });
});

describe('parseXml takes', () => {
  it('nesting up to the limit', () => {
    let element = parseXml(`${'<a>'.repeat(200)}${'</a>'.repeat(200)}`);
    let depth = 1;
    for (let next = childElements(element)[0]; next; next = childElements(element)[0]) {
      element = next;
      depth++;
    }
    expect(depth).toBe(200);
  });

  it('a BOM, a DOCTYPE without declarations, processing instructions, references, CDATA', () => {
    const root = parseXml(
      '\ufeff<?xml version="1.0"?><!DOCTYPE a SYSTEM "a>b"><?p i?><a b="&#x41;&lt;\n&#10;">x&amp;y<![CDATA[<&]]>&#x1F600;</a><!--e-->',
    );
    expect(root.attributes[0]!.value).toBe('A< \n');
    expect(textOf(root)).toBe('x&y<&\u{1F600}');
  });

  it('default and rebound namespaces', () => {
    const root = parseXml('<a xmlns="u"><p:b xmlns:p="v" p:c="1" d="2"/><b xmlns=""/></a>');
    const [first, second] = childElements(root, undefined);
    expect([root.ns, first!.ns, second!.ns]).toEqual(['u', 'v', '']);
    expect(first!.attributes.map((a) => [a.local, a.ns])).toEqual([
      ['p', 'p:b' === first!.name ? first!.attributes[0]!.ns : ''],
      ['c', 'v'],
      ['d', ''],
    ]);
  });
});

describe('spans', () => {
  for (const { name, text } of everyDomain())
    it(`of ${name} cover the text exactly`, () => {
      const check = (element: XmlElement) => {
        const whole = text.slice(element.span.start, element.span.end);
        expect(whole.startsWith(`<${element.name}`)).toBe(true);
        expect(whole.endsWith('>')).toBe(true);
        expect(text[element.openEnd - 1]).toBe('>');
        if (!element.selfClosing) expect(text.startsWith(`</${element.name}`, element.closeStart)).toBe(true);
        for (const a of element.attributes) {
          expect(text.slice(a.span.start, a.span.start + a.name.length)).toBe(a.name);
          expect(text[a.valueSpan.start - 1]).toBe(a.quote);
          expect(text[a.valueSpan.end]).toBe(a.quote);
          expect(a.span.end).toBe(a.valueSpan.end + 1);
        }
        let at = element.openEnd;
        for (const child of element.children) {
          expect(child.span.start).toBe(at);
          at = child.span.end;
          if (child.kind === 'element') check(child);
        }
        if (!element.selfClosing) expect(at).toBe(element.closeStart);
      };
      check(parseXml(text));
    });
});
