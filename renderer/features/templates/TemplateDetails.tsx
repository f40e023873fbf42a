import { Copy, Ellipsis, FileCode, FolderOpen, Pencil, Tags, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Template } from '../../../shared/model/template.ts';
import { shell } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, counted, mebibytes, moment } from '../../ui/format.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Tag } from '../../ui/parts.tsx';
import { actionTestId } from '../../ui/testids.ts';
import { LinkedClones } from './LinkedClones.tsx';

/** What a template is, what stands on it, and the next step: clone it. */
export function TemplateDetails({ template }: { template: Template }) {
  const { open } = useUi.getState();
  const { id } = template;
  return (
    <>
      <div className={panes.actions}>
        <Button
          look="primary"
          isDisabled={template.problem !== null}
          onPress={() => open({ kind: 'clone', sources: [id] })}
          data-testid={actionTestId('clone')}
        >
          <Copy size={16} aria-hidden="true" />
          Clone…
        </Button>
        <Button
          look="risky"
          onPress={() => open({ kind: 'template-delete', id })}
          data-testid={actionTestId('delete-template')}
        >
          <Trash2 size={16} aria-hidden="true" />
          Delete…
        </Button>
        <MenuButton
          label={`More actions for ${template.name}`}
          button={
            <Button aria-label="More actions">
              <Ellipsis size={16} aria-hidden="true" />
            </Button>
          }
          entries={[
            {
              id: 'rename',
              label: 'Rename…',
              icon: <Pencil size={16} aria-hidden="true" />,
              keys: 'F2',
              run: () => open({ kind: 'template-rename', id }),
            },
            {
              id: 'labels',
              label: 'Edit…',
              icon: <Tags size={16} aria-hidden="true" />,
              run: () => open({ kind: 'template-labels', id }),
            },
            {
              id: 'xml',
              label: 'Show its XML',
              icon: <FileCode size={16} aria-hidden="true" />,
              testId: 'template-xml',
              run: () => open({ kind: 'template-xml', id }),
            },
            {
              id: 'folder',
              label: 'Show folder',
              icon: <FolderOpen size={16} aria-hidden="true" />,
              run: () => void shell('shell.showInFolder', { path: template.folder }).catch(tellError),
            },
          ]}
        />
      </div>
      <div className={panes.panel}>
        {template.problem && <ErrorNote error={template.problem} write={writeClipboard} />}
        {template.description && (
          <p className="selectable" style={{ whiteSpace: 'pre-wrap' }}>
            {template.description}
          </p>
        )}
        <dl className={panes.facts}>
          <Fact name="Size">
            {counted(template.vcpus, 'CPU')}, {mebibytes(template.memory)} memory
          </Fact>
          {template.disks
            .filter((disk) => disk.device === 'disk')
            .map((disk) => (
              <Fact key={disk.target} name={`Disk ${disk.target}`}>
                {bytes(disk.allocatedSize ?? 0)}
                {disk.virtualSize !== null && ` of ${bytes(disk.virtualSize)}`}, {disk.format}, read-only
                {disk.file && (
                  <div>
                    <CopyText text={disk.file} label={`path of ${disk.target}`} write={writeClipboard} />
                  </div>
                )}
              </Fact>
            ))}
          <Fact name="Log in as">{template.loginUser ?? <span className="muted">not said</span>}</Fact>
          {template.sealedAt !== null && <Fact name="Sealed">{moment(template.sealedAt)}</Fact>}
          {template.uuid && (
            <Fact name="UUID">
              <CopyText text={template.uuid} label="UUID" write={writeClipboard} />
            </Fact>
          )}
          <Fact name="Tags">
            <span className={panes.tags}>
              {template.tags.map((tag) => (
                <Tag key={tag}>{tag}</Tag>
              ))}
              <Button
                size="small"
                look="quiet"
                aria-label="Edit the template"
                onPress={() => open({ kind: 'template-labels', id })}
              >
                <Pencil size={14} aria-hidden="true" />
                Edit
              </Button>
            </span>
          </Fact>
        </dl>
        <div>
          <h3>Linked clones</h3>
          {template.linkedClones.length === 0 ? (
            <p className="muted">None stand on its disk. It can be deleted.</p>
          ) : (
            <LinkedClones ids={template.linkedClones} />
          )}
        </div>
      </div>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
