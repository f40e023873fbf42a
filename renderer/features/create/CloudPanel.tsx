import { useEffect } from 'react';
import type { CloudImage } from '../../../shared/model/cloud-image.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { bytes } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { CopyText } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './create.module.css';
import type { CreateForm } from './form.ts';
import { KeysField } from './StarterForm.tsx';

/** The vendors' images: which one, where it comes from and how it is checked, and who may log in. */
export function CloudPanel({
  images,
  chosen,
  onChoose,
  form,
  put,
  problem,
}: {
  images: readonly CloudImage[];
  chosen: string;
  onChoose: (image: CloudImage) => void;
  form: CreateForm;
  put: (patch: Partial<CreateForm>) => void;
  /** Of the keys. */
  problem: string | undefined;
}) {
  const image = images.find((one) => one.id === chosen);
  useEffect(() => {
    const [first] = images;
    if (!image && first) onChoose(first);
  }, [image, images, onChoose]);
  return (
    <>
      <p className={css.lead}>
        A system its vendor publishes ready to run. It is downloaded once, checked, and told its name and
        keys.
      </p>
      <Select
        label="Image"
        value={chosen}
        onChange={(id) => {
          const next = images.find((one) => one.id === id);
          if (next) onChoose(next);
        }}
        groups={[
          { title: 'Downloaded and checked', options: images.filter((one) => one.cached).map(option) },
          { title: 'To be downloaded', options: images.filter((one) => !one.cached).map(option) },
        ]}
        hint={image?.cached ? `In the cache, ${bytes(image.cached.bytes)}.` : undefined}
        testId={testIds.createCloud}
      />
      {image && (
        <dl className={panes.facts}>
          <dt>From</dt>
          <dd>
            <CopyText text={image.url} label="address" write={writeClipboard} wrap />
          </dd>
          <dt>Checked by</dt>
          <dd>
            the vendor’s {image.checksums.algorithm.toUpperCase()} list, read anew at each download.{' '}
            {signatureWords(image)}
          </dd>
          <dt>Log in as</dt>
          <dd>{image.user}</dd>
        </dl>
      )}
      {image && !image.tried && (
        <p className={panes.note}>
          Not tried on this computer yet, and the makers of Guesthouse could not: the address may have moved.
        </p>
      )}
      <KeysField
        form={form}
        put={put}
        problem={problem}
        hint="Who may log in by SSH; one a line. It has no password: without a key nobody can log in."
      />
    </>
  );
}

function signatureWords({ signature, signatureChecked }: CloudImage): string {
  if (signature === null) return 'It is not signed: the encrypted connection alone vouches for it.';
  return signatureChecked
    ? 'Its signature is checked too.'
    : `Its signature is not checked here: the key is ${signature.key}.`;
}

const option = ({ id, name }: CloudImage) => ({ id, label: name });
