import { AUTHORITATIVE_ANSWER, type DecodedPacket, decode, encode, RECURSION_AVAILABLE } from 'dns-packet';

/** Who is who on one network. */
export interface Zone {
  /** Lower case, without a final dot. */
  readonly domain: string;
  /** Address by label. */
  readonly names: ReadonlyMap<string, string>;
  /** `10.77.0.`, the part all addresses begin with. */
  readonly prefix: string;
  /** False: what is not of this network is refused rather than handed on. */
  readonly wayOut: boolean;
}

/** Seconds. Addresses stay, but a guest may leave. */
const ttl = 30;

/**
 * Answers one DNS query (RFC 1035) about this network. `forward` for what others must answer; null for what is no query
 * and gets no answer.
 */
export function answerName(message: Buffer, zone: Zone): Buffer | 'forward' | null {
  const query = read(message);
  if (!query) return null;
  const question = query.questions![0]!;
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const found = lookUp(name, zone);
  if (found === 'other') return zone.wayOut ? 'forward' : reply(query, [], 'REFUSED');
  if (found === null) return reply(query, [], 'NXDOMAIN');
  const wanted = question.type === found.type || question.type === ('ANY' as string);
  return reply(query, wanted ? [{ ...found, name: question.name }] : []);
}

/**
 * Answers a name asked of everybody on the link (LLMNR, RFC 4795): some systems ask so for names without a dot. Only
 * this network's own names; null for all else, as the protocol wants it.
 */
export function answerLinkName(message: Buffer, zone: Zone): Buffer | null {
  const query = read(message);
  if (!query) return null;
  const question = query.questions![0]!;
  const found = lookUp(question.name.toLowerCase().replace(/\.$/, ''), zone);
  if (found === null || found === 'other') return null;
  return reply(query, question.type === found.type ? [{ ...found, name: question.name }] : [], 'NOERROR', 0);
}

interface Found {
  readonly type: 'A' | 'PTR';
  readonly data: string;
  readonly name?: string;
}

/** Null for a name of this network that nobody has; `other` for one that is none of ours. */
function lookUp(name: string, zone: Zone): Found | null | 'other' {
  const reverse = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (reverse) {
    const address = `${reverse[4]}.${reverse[3]}.${reverse[2]}.${reverse[1]}`;
    if (!address.startsWith(zone.prefix)) return 'other';
    for (const [label, owned] of zone.names)
      if (owned === address) return { type: 'PTR', data: `${label}.${zone.domain}` };
    return null;
  }
  const label =
    name === zone.domain
      ? ''
      : name.endsWith(`.${zone.domain}`)
        ? name.slice(0, -zone.domain.length - 1)
        : null;
  const address = zone.names.get(label ?? name);
  if (address !== undefined) return { type: 'A', data: address };
  return label === null ? 'other' : null;
}

function read(message: Buffer): DecodedPacket | null {
  if (message.length < 12 || message.length > 1472) return null;
  try {
    const packet = decode(message);
    return packet.type === 'query' && ((packet.flags ?? 0) & 0x7800) === 0 && packet.questions?.length === 1
      ? packet
      : null;
  } catch {
    return null;
  }
}

const codes = { NOERROR: 0, NXDOMAIN: 3, REFUSED: 5 } as const;

function reply(
  query: DecodedPacket,
  answers: readonly Found[],
  code: keyof typeof codes = 'NOERROR',
  flags: number = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE,
): Buffer {
  const recursion = (query.flags ?? 0) & 0x0100;
  return encode({
    type: 'response',
    id: query.id,
    flags: flags | recursion | codes[code],
    questions: query.questions,
    answers: answers.map((answer) => ({ ...answer, name: answer.name!, ttl, class: 'IN' as const })),
  });
}
