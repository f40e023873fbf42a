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
import { Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './containers.module.css';

/** What containers of a host are made from, and how much room it takes. */
export function ImagesDialog({ host }: { host: string }) {
  const name = useContainerHosts((state) =>
    host === 'local' ? 'this computer' : (state.byId[host]?.name ?? host),
  );
  const [images, setImages] = useState<readonly ContainerImage[] | null>(null);
  const [busy, setBusy] = useState<string | null>(null);
  /** `image`: the one that was not removed; null: they could not be read. */
  const [failed, setFailed] = useState<{ readonly image: string | null; readonly error: WireError } | null>(
    null,
  );
  const read = useCallback(
    () =>
      call('containers.images', { host }).then(setImages, (cause) =>
        setFailed({ image: null, error: toWire(cause) }),
      ),
    [host],
  );
  useEffect(() => void read(), [read]);
  const remove = async (image: string) => {
    setBusy(image);
    setFailed(null);
    try {
      await call('containers.removeImage', { host, image });
      await read();
    } catch (cause) {
      setFailed({ image, error: toWire(cause) });
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
      {failed?.image === null && <ErrorNote error={failed.error} write={writeClipboard} />}
      {!images && !failed && <Progress fraction={null} label="Asking for the images" />}
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
              {image.id.includes(image.name) && 'Without a name, '}
              {bytes(image.size)}, made {moment(image.createdAt)}
            </small>
            {/* Beside what it is about: the end of the list may be out of sight. */}
            {failed?.image === image.name && (
              <div className={css.below}>
                <ErrorNote error={failed.error} write={writeClipboard} />
              </div>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
