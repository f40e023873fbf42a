import { Stamp } from 'lucide-react';
import { type KeyboardEvent, useRef, useState } from 'react';
import type { Template } from '../../../shared/model/template.ts';
import { useGuests } from '../../stores/guests.ts';
import { useTemplates, useTemplateView } from '../../stores/templates.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { bytes, counted, mebibytes, moment } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { Dot, Empty, Tag } from '../../ui/parts.tsx';
import { TwoPanes } from '../../ui/TwoPanes.tsx';
import { templateRowTestId, testIds } from '../../ui/testids.ts';
import { TemplateDetails } from './TemplateDetails.tsx';
import css from './templates.module.css';

/** Bytes its disks take on this computer. */
export const sizeOf = (template: Template) =>
  template.disks.reduce((sum, disk) => sum + (disk.allocatedSize ?? 0), 0);

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Sealed guests that clones are made from: the list beside the details of one. */
export function TemplatesPage() {
  const templates = useTemplates((state) => state.all);
  const selected = useTemplateView((state) => state.selected);
  const width = useUi((state) => state.detailsWidth);
  const [open, setOpen] = useState(false);
  if (templates.length === 0) return <NoTemplates />;
  const shown = [...templates].sort((a, b) => order.compare(a.name, b.name));
  const only = shown.find((template) => template.id === selected) ?? shown[0]!;
  const { open: show } = useUi.getState();
  return (
    <TwoPanes
      page="Templates"
      list={
        <div className={panes.listPane} data-testid={testIds.templatesPage}>
          <div className={panes.toolbar}>
            <h1>Templates</h1>
            <Button size="small" onPress={() => show({ kind: 'seal', id: null })}>
              <Stamp size={14} aria-hidden="true" />
              Make template…
            </Button>
            <Button size="small" onPress={() => show({ kind: 'new-template' })}>
              From an image…
            </Button>
          </div>
          <Rows templates={shown} selected={only.id} onShow={() => setOpen(true)} />
        </div>
      }
      title={only.name}
      mark={only.problem ? <Dot tone="failed" word="Broken" /> : <Dot tone="off" word="Sealed" />}
      label={`Details of ${only.name}`}
      details={<TemplateDetails template={only} />}
      width={width}
      onWidth={(size) => useUi.getState().set({ detailsWidth: size })}
      open={open}
      onOpen={setOpen}
      testId={testIds.templateDetails}
    />
  );
}

const optionId = (id: string) => `template-${id}`;

/** A list box: arrows choose, Enter clones, Delete deletes. */
function Rows({
  templates,
  selected,
  onShow,
}: {
  templates: readonly Template[];
  selected: string | null;
  /** A click. */
  onShow: () => void;
}) {
  const list = useRef<HTMLDivElement>(null);
  const { select } = useTemplateView.getState();
  const at = templates.findIndex((template) => template.id === selected);
  const onKeyDown = (event: KeyboardEvent) => {
    const { open } = useUi.getState();
    const template = templates[at];
    const move = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: templates.length - 1 }[event.key];
    if (move !== undefined) {
      const next = templates[Math.min(Math.max(move, 0), templates.length - 1)];
      if (next) {
        select(next.id);
        document.getElementById(optionId(next.id))?.scrollIntoView({ block: 'nearest' });
      }
    } else if (!template) return;
    else if (event.key === 'Enter') open({ kind: 'clone', sources: [template.id] });
    else if (event.key === 'F2') open({ kind: 'template-rename', id: template.id });
    else if (event.key === 'Delete') open({ kind: 'template-delete', id: template.id });
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div className={cx(css.row, css.head)} aria-hidden="true">
        <span>Name</span>
        <span className={css.number}>Disk</span>
        <span className={css.number}>Memory</span>
        <span className={css.number}>Linked clones</span>
        <span className={css.sealed}>Sealed</span>
      </div>
      <div
        ref={list}
        role="listbox"
        aria-label="Templates"
        aria-activedescendant={selected ? optionId(selected) : undefined}
        tabIndex={0}
        className={css.list}
        data-pane="list"
        onKeyDown={onKeyDown}
      >
        {templates.map((template) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list box takes the keys
          // biome-ignore lint/a11y/useFocusableInteractive: one tab stop, aria-activedescendant
          <div
            key={template.id}
            id={optionId(template.id)}
            role="option"
            aria-selected={template.id === selected}
            className={cx(css.row, css.template)}
            data-testid={templateRowTestId(template.name)}
            onClick={() => {
              select(template.id);
              onShow();
            }}
          >
            <span className={css.name}>
              <span title={template.name}>{template.name}</span>
              {template.problem ? (
                <Dot tone="failed" word="Broken" />
              ) : (
                template.tags.slice(0, 2).map((tag) => <Tag key={tag}>{tag}</Tag>)
              )}
              {template.description && !template.problem && (
                <span className={cx(css.description, 'muted')}>{template.description.split('\n')[0]}</span>
              )}
            </span>
            <span className={css.number}>{bytes(sizeOf(template))}</span>
            <span className={css.number}>{mebibytes(template.memory)}</span>
            <span className={css.number}>
              {template.linkedClones.length}
              <span className="sr-only">
                {' '}
                {counted(template.linkedClones.length, 'linked clone').slice(2)}
              </span>
            </span>
            <span className={css.sealed}>{template.sealedAt === null ? '–' : moment(template.sealedAt)}</span>
          </div>
        ))}
      </div>
    </>
  );
}

/** What a template is, and the first step towards one. */
function NoTemplates() {
  const any = useGuests((state) => state.all.some((guest) => guest.state !== 'broken'));
  const { open } = useUi.getState();
  return (
    <section
      className={panes.page}
      data-testid={testIds.templatesPage}
      data-pane="list"
      tabIndex={-1}
      aria-label="Templates"
    >
      <h1 className="sr-only">Templates</h1>
      <div className={css.empty}>
        <Empty
          title="No templates yet"
          icon={<Stamp size={24} aria-hidden="true" />}
          action={
            <div className={panes.buttons}>
              {any ? (
                <Button look="primary" size="large" onPress={() => open({ kind: 'seal', id: null })}>
                  Make a template…
                </Button>
              ) : (
                <Button look="primary" size="large" onPress={() => open({ kind: 'new-guest' })}>
                  Try a Debian guest first
                </Button>
              )}
              <Button size="large" onPress={() => open({ kind: 'new-template' })}>
                From Debian or an image…
              </Button>
            </div>
          }
        >
          A template is a guest that was set up once, then sealed: what makes it that one machine (machine-id,
          host keys, hostname, leases) is emptied, and it never starts again. Clones made from it are each a
          machine of their own.
        </Empty>
      </div>
    </section>
  );
}
