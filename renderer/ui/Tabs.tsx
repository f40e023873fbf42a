import { type ReactNode, Suspense } from 'react';
import { Tabs as AriaTabs, Tab, TabList, TabPanel } from 'react-aria-components';
import css from './overlays.module.css';
import { tabTestId } from './testids.ts';

export interface TabEntry {
  readonly id: string;
  readonly title: string;
  readonly content: () => ReactNode;
}

export function Tabs({
  label,
  tabs,
  selected,
  onSelect,
}: {
  label: string;
  tabs: readonly TabEntry[];
  selected: string;
  onSelect: (id: string) => void;
}) {
  const key = tabs.some((tab) => tab.id === selected) ? selected : tabs[0]?.id;
  return (
    <AriaTabs className={css.tabs} selectedKey={key} onSelectionChange={(id) => onSelect(String(id))}>
      <TabList className={css.tabList} aria-label={label}>
        {tabs.map((tab) => (
          <Tab key={tab.id} id={tab.id} className={css.tab} data-testid={tabTestId(tab.id)}>
            {tab.title}
          </Tab>
        ))}
      </TabList>
      {tabs.map((tab) => (
        <TabPanel key={tab.id} id={tab.id} className={css.tabPanel}>
          {/* A tab's code may come when it is first shown. */}
          <Suspense fallback={null}>{tab.content()}</Suspense>
        </TabPanel>
      ))}
    </AriaTabs>
  );
}
