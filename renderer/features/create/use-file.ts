import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { SourceImage, XmlCheck } from '../../../shared/ipc/guests.ts';
import { call } from '../../bridge/call.ts';
import type { SourceId } from './form.ts';

/** What is known of the file that was named. */
export type FileState =
  | { readonly status: 'none' }
  | { readonly status: 'looking' }
  | { readonly status: 'image'; readonly path: string; readonly image: SourceImage }
  | { readonly status: 'xml'; readonly path: string; readonly check: XmlCheck }
  | { readonly status: 'failed'; readonly path: string; readonly error: WireError };

/** The source a file belongs to by what it is; the one asked for when it may be that. */
export function sourceFor(image: SourceImage, asked: SourceId): SourceId {
  if (image.format === 'iso') return asked === 'image' ? 'image' : 'iso';
  if (image.format === 'ova') return 'ova';
  return 'image';
}

/** Looks at a file a moment after its path was typed or chosen. */
export function useFile(path: string, source: SourceId): FileState {
  const [state, setState] = useState<FileState>({ status: 'none' });
  const xml = source === 'xml';
  const wanted = source === 'iso' || source === 'image' || source === 'ova' || xml;
  useEffect(() => {
    if (!wanted || !path.startsWith('/')) {
      setState({ status: 'none' });
      return;
    }
    let gone = false;
    const put = (next: FileState) => {
      if (!gone) setState(next);
    };
    const look = async () => {
      put({ status: 'looking' });
      try {
        if (xml) put({ status: 'xml', path, check: await call('guests.checkXml', { path }) });
        else put({ status: 'image', path, image: await call('guests.inspectSource', { path }) });
      } catch (error) {
        put({ status: 'failed', path, error: toWire(error) });
      }
    };
    const timer = setTimeout(() => void look(), 200);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [path, wanted, xml]);
  return state;
}
