import { useState } from 'react';
import { call } from '../../bridge/call.ts';
import { useContainers } from '../../stores/containers.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Checkbox } from '../../ui/Choice.tsx';
import { Confirm } from '../../ui/Dialog.tsx';

/** Names what is lost: what the container wrote outside its folders. */
export function RemoveContainerDialog({ id }: { id: string }) {
  const container = useContainers((state) => state.byId[id]);
  const [volumes, setVolumes] = useState(false);
  const close = () => useUi.getState().close();
  if (!container) return null;
  const runs = container.state !== 'exited' && container.state !== 'created';
  return (
    <Confirm
      title={`Remove ${container.name}?`}
      act={runs ? 'Stop and remove it' : 'Remove it'}
      onClose={close}
      onAct={() => {
        close();
        call('containers.remove', { id, force: runs, volumes }).then(
          () => tell(`${container.name} was removed`),
          tellError,
        );
      }}
    >
      <p>
        {runs && 'It runs and is stopped first. '}
        What it wrote into its own file system is lost. Its image, and the folders and volumes it was given,
        stay.
      </p>
      <Checkbox
        checked={volumes}
        onChange={setVolumes}
        hint="Volumes its image asked for, and nobody gave a name: without it they stay and nothing uses them."
      >
        Remove its nameless volumes too
      </Checkbox>
    </Confirm>
  );
}
