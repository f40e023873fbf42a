import { useCallback, useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { ContainerImage } from '../../../shared/model/container.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useContainerHosts } from '../../stores/containers.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, moment } from '../../ui/format.ts';
import { testIds } from '../../ui/testids.ts';
import css from './containers.module.css';

/** What containers of a host are made from, and how much room it takes. */
export function ImagesDialog({ host }: { host: string }) {
  const name = useContainerHosts((state) => state.byId[host]?.name ?? host);
  const [images, setImages] = useState<readonly ContainerImage[] | null>(null);
  const [busy, setBusy] = useState<string | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const read = useCallback(
    () => call('containers.images', { host }).then(setImages, (cause) => setError(toWire(cause))),
    [host],
  );
  useEffect(() => void read(), [read]);
  const remove = async (image: string) => {
    setBusy(image);
    setError(null);
    try {
      await call('containers.removeImage', { host, image });
      await read();
    } catch (cause) {
      setError(toWire(cause));
    } finally {
      setBusy(null);
    }
  };
  const close = () => useUi.getState().open({ kind: 'container-hosts' });
  return (
    <Dialog
      title={`Images on ${name}`}
      width={560}
      testId={testIds.containerImages}
      onClose={close}
      foot={
        <Button look="primary" onPress={close}>
          Back
        </Button>
      }
    >
      <p className="muted">
        A container shares its image’s files with all others made from it. One that is in use is not removed;
        a removed one can be pulled, imported or built again.
      </p>
      {images?.length === 0 && <p>There is none.</p>}
      <ul className={css.hostList}>
        {images?.map((image) => (
          <li key={`${image.id} ${image.name}`}>
            <span className="mono selectable">{image.name}</span>
            <Button
              size="small"
              aria-label={`Remove ${image.name}`}
              onPress={() => void remove(image.name)}
              isDisabled={busy !== null}
            >
              {busy === image.name ? 'Removing…' : 'Remove'}
            </Button>
            <small>
              {bytes(image.size)}, made {moment(image.createdAt)}
            </small>
          </li>
        ))}
      </ul>
      {error && <ErrorNote error={error} write={writeClipboard} />}
    </Dialog>
  );
}
