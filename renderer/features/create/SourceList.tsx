import { Cloud, Copy, Disc3, FileCode, HardDrive, type LucideIcon, Package, Sparkles } from 'lucide-react';
import { Label, Radio, RadioGroup } from 'react-aria-components';
import { createSourceTestId } from '../../ui/testids.ts';
import css from './create.module.css';
import type { SourceId } from './form.ts';

export const sources: readonly {
  readonly id: SourceId;
  readonly label: string;
  readonly icon: LucideIcon;
}[] = [
  { id: 'starter', label: 'Debian, built here', icon: Sparkles },
  { id: 'iso', label: 'Installation ISO', icon: Disc3 },
  { id: 'image', label: 'Disk image', icon: HardDrive },
  { id: 'cloud', label: 'Cloud image', icon: Cloud },
  { id: 'ova', label: 'OVA', icon: Package },
  { id: 'xml', label: 'libvirt XML', icon: FileCode },
  { id: 'template', label: 'Template', icon: Copy },
];

/** What the guest is made from, at the left edge of the dialog. */
export function SourceList({ value, onChange }: { value: SourceId; onChange: (id: SourceId) => void }) {
  return (
    <RadioGroup className={css.sources} value={value} onChange={(id) => onChange(id as SourceId)}>
      <Label className="sr-only">Make it from</Label>
      {sources.map(({ id, label, icon: Icon }) => (
        <Radio key={id} value={id} className={css.source ?? ''} data-testid={createSourceTestId(id)}>
          <Icon size={16} aria-hidden="true" />
          {label}
        </Radio>
      ))}
    </RadioGroup>
  );
}
