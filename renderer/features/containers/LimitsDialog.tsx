import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { type Limits, noLimits } from '../../../shared/model/container.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useContainerHosts, useContainers } from '../../stores/containers.ts';
import { tell } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { testIds } from '../../ui/testids.ts';
import { LimitsFields } from './LimitsFields.tsx';
import { formOf, type LimitsForm, limitsOf } from './limits-form.ts';

/** Changes the limits of a container, also while it runs. */
export function LimitsDialog({ id }: { id: string }) {
  const container = useContainers((state) => state.byId[id]);
  const facts = useContainerHosts((state) => (container ? state.byId[container.host]?.facts : null)) ?? null;
  const [before, setBefore] = useState<Limits | null>(null);
  const [form, setForm] = useState<LimitsForm | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const [busy, setBusy] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read once, when it opens
  useEffect(() => {
    call('containers.detail', { id }).then(
      ({ wanted, inForce }) => {
        const now = inForce ?? wanted;
        // Every CPU is no choice of CPUs.
        const all = facts && now.cpuSet === `0-${facts.cpus - 1}`;
        const limits = all || wanted.cpuSet === null ? { ...now, cpuSet: null } : now;
        setBefore(limits);
        setForm(formOf(limits, facts));
      },
      (cause) => setError(toWire(cause)),
    );
  }, [id]);
  const close = () => useUi.getState().close();
  const checked = form ? limitsOf(form, before ?? noLimits, facts) : null;
  const change = async () => {
    if (!checked?.limits) return;
    setBusy(true);
    setError(null);
    try {
      await call('containers.setLimits', {
        id,
        limits: { ...checked.limits, disk: [...checked.limits.disk] },
      });
      tell(`The limits of ${container?.name ?? 'the container'} are changed`);
      close();
    } catch (cause) {
      setError(toWire(cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Limits of ${container?.name ?? 'a container'}`}
      width={560}
      onClose={close}
      onSubmit={() => void change()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            isDisabled={busy || !checked?.limits}
            data-testid={testIds.limitsSubmit}
          >
            {busy ? 'Changing…' : 'Change limits'}
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <p className="muted">
        {container?.state === 'running'
          ? 'They hold at once, and are read back from the kernel. An empty field lifts a limit.'
          : 'They hold from its next start. An empty field is no limit.'}
      </p>
      {form && (
        <LimitsFields
          form={form}
          onChange={setForm}
          problems={checked?.problems ?? {}}
          facts={facts}
          startsOpen
        />
      )}
    </Dialog>
  );
}
