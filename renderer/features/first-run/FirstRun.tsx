import { useEffect } from 'react';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useCreateFlow } from '../../stores/create-flow.ts';
import { useHost } from '../../stores/host.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { Verdicts } from '../../ui/Verdicts.tsx';
import css from './first-run.module.css';

/** While there is no guest: what this machine can do, and the first step. */
export function FirstRun() {
  const { report, loading, error, fetch } = useHost();
  const flow = useCreateFlow((state) => state.flow);
  useEffect(() => {
    if (!report) void fetch();
  }, [report, fetch]);
  const working = flow.step !== 'idle' && flow.step !== 'failed';
  return (
    <div className={css.page} data-testid={testIds.firstRun} data-pane="list" tabIndex={-1}>
      <div className={css.inner}>
        <header>
          <h1>No guests yet</h1>
          <p className={css.lead}>A guest is a virtual machine. Guesthouse can build one for you to try.</p>
        </header>
        <div className={css.buttons}>
          <Button
            look="primary"
            size="large"
            data-testid={testIds.tryDebian}
            onPress={() => useUi.getState().open({ kind: 'new-guest' })}
          >
            {working ? `Making ${flow.name}…` : 'Try a Debian guest'}
          </Button>
          <span className="muted">
            About a minute; several without KVM. Built here from Debian’s packages; nothing else is fetched.
          </span>
          <Button
            size="large"
            data-testid={testIds.createFromFile}
            onPress={() => useUi.getState().open({ kind: 'new-guest', source: 'iso' })}
          >
            Create from an ISO or image
          </Button>
          <span className="muted">
            Or drop an ISO, a disk image, an OVA or a libvirt XML file on this window.
          </span>
        </div>
        <section aria-label="This computer">
          <h2 style={{ marginBottom: 8 }}>This computer</h2>
          {report ? (
            <Verdicts verdicts={report.verdicts} write={writeClipboard} />
          ) : error ? (
            <ErrorNote error={error} write={writeClipboard} />
          ) : (
            loading && (
              <>
                <Progress fraction={null} label="Looking at this computer" />
                <p className="muted" style={{ marginTop: 6 }}>
                  Looking at the processor, KVM and programs…
                </p>
              </>
            )
          )}
        </section>
      </div>
    </div>
  );
}
