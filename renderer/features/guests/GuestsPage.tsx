import { Search } from 'lucide-react';
import { useMemo } from 'react';
import { type Guest, type GuestState, guestStates, guestStateWords } from '../../../shared/model/guest.ts';
import { bulkActions, guestActionLabels } from '../../stores/guest-actions.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import { useGuests } from '../../stores/guests.ts';
import { useStats } from '../../stores/stats.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { counted } from '../../ui/format.ts';
import { FilterMenu } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { Empty, StateDot } from '../../ui/parts.tsx';
import { TwoPanes } from '../../ui/TwoPanes.tsx';
import { bulkTestId, testIds } from '../../ui/testids.ts';
import { actionIcons, actionLabel, dangerous } from './action-icons.tsx';
import type { DetailTab } from './detail-tabs.tsx';
import { GuestDetails } from './GuestDetails.tsx';
import { GuestTable } from './GuestTable.tsx';
import css from './list.module.css';
import { visibleGuests } from './visible.ts';

const bulkLabels = { ...guestActionLabels, console: 'Open consoles', 'copy-key': 'Copy a key to them…' };

/** The list beside the details of what is selected. */
export function GuestsPage({ tabs }: { tabs: readonly DetailTab[] }) {
  const guests = useGuests((state) => state.all);
  const selection = useUi((state) => state.selection);
  const detailsOpen = useUi((state) => state.detailsOpen);
  const detailsWidth = useUi((state) => state.detailsWidth);
  const selected = useMemo(() => guests.filter((guest) => selection.has(guest.id)), [guests, selection]);
  const only = selected.length === 1 ? selected[0] : undefined;
  return (
    <TwoPanes
      page="Guests"
      list={
        <>
          <h1 className="sr-only">Guests</h1>
          <Toolbar guests={guests} />
          <Rows guests={guests} />
          {selected.length > 1 && <Bulk guests={selected} />}
        </>
      }
      title={only?.name ?? null}
      mark={only && <StateDot state={only.state} />}
      label={only ? `Details of ${only.name}` : 'Details'}
      details={
        only ? (
          <GuestDetails guest={only} tabs={tabs} />
        ) : selected.length > 1 ? (
          <Empty title={`${selected.length} guests selected`}>
            {summary(selected)}. The buttons below the list act on those whose state allows it.
          </Empty>
        ) : (
          <Empty title="No guest selected">Choose one in the list to see what it is and does.</Empty>
        )
      }
      width={detailsWidth}
      onWidth={(width) => useUi.getState().set({ detailsWidth: width })}
      open={detailsOpen}
      onOpen={(open) => useUi.getState().set({ detailsOpen: open })}
      bar={<Bulk guests={selected} />}
      testId={testIds.guestDetails}
    />
  );
}

/** "2 running, 1 off" */
function summary(guests: readonly Guest[]): string {
  const counts = new Map<string, number>();
  for (const guest of guests) {
    const word = guestStateWords[guest.state].word.toLowerCase();
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
}

function Rows({ guests }: { guests: readonly Guest[] }) {
  const filter = useUi((state) => state.filter);
  const stateFilter = useUi((state) => state.stateFilter);
  const tagFilter = useUi((state) => state.tagFilter);
  const sort = useUi((state) => state.sort);
  // Samples change the order only when it is sorted by them.
  const history = useStats((state) => (sort.key === 'cpu' || sort.key === 'memory' ? state.history : null));
  const shown = useMemo(
    () =>
      visibleGuests(guests, {
        filter,
        stateFilter,
        tagFilter,
        sort,
        cpuOf: (id) => history?.[id]?.at(-1)?.cpu,
        memoryOf: (id) => history?.[id]?.at(-1)?.memory,
      }),
    [guests, filter, stateFilter, tagFilter, sort, history],
  );
  if (shown.length === 0)
    return (
      <Empty
        title="No guest matches"
        action={
          <Button
            onPress={() => useUi.getState().set({ filter: '', stateFilter: new Set(), tagFilter: new Set() })}
          >
            Clear filters
          </Button>
        }
      >
        {counted(guests.length, 'guest is', 'guests are')} hidden by the filter.
      </Empty>
    );
  return <GuestTable guests={shown} />;
}

function Toolbar({ guests }: { guests: readonly Guest[] }) {
  const { filter, stateFilter, tagFilter, set } = useUi();
  const present = useMemo(() => new Set(guests.map((guest) => guest.state)), [guests]);
  const tags = useMemo(() => [...new Set(guests.flatMap((guest) => guest.tags))].sort(), [guests]);
  const running = guests.filter((guest) => guest.state === 'running').length;
  return (
    <div className={panes.toolbar} role="toolbar" aria-label="Filter the list">
      <div className={css.filter}>
        <Search size={14} aria-hidden="true" />
        <input
          type="search"
          placeholder="Filter"
          aria-label="Filter guests"
          data-testid={testIds.guestFilter}
          spellCheck={false}
          value={filter}
          onChange={(event) => set({ filter: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && filter) {
              set({ filter: '' });
              event.stopPropagation();
            } else if (event.key === 'ArrowDown') {
              event.preventDefault();
              document.querySelector<HTMLElement>(`[data-testid="${testIds.guestList}"]`)?.focus();
            }
          }}
        />
      </div>
      <FilterMenu<GuestState>
        label="State"
        chosen={stateFilter}
        onChange={(chosen) => set({ stateFilter: chosen })}
        options={guestStates
          .filter((state) => present.has(state) || stateFilter.has(state))
          .map((state) => ({
            id: state,
            text: guestStateWords[state].word,
            label: <StateDot state={state} />,
          }))}
      />
      {(tags.length > 0 || tagFilter.size > 0) && (
        <FilterMenu
          label="Tag"
          chosen={tagFilter}
          onChange={(chosen) => set({ tagFilter: chosen })}
          options={tags.map((tag) => ({ id: tag, text: tag, label: tag }))}
        />
      )}
      <span className={css.count}>
        {running} of {counted(guests.length, 'guest')} running
      </span>
    </div>
  );
}

/** What can be done with the selected guests; of one alone only a narrow window shows it. */
function Bulk({ guests }: { guests: readonly Guest[] }) {
  const actions = bulkActions(guests.map((guest) => guest.state));
  const only = guests.length === 1 ? guests[0] : undefined;
  return (
    <div
      className={panes.chosen}
      role="toolbar"
      aria-label="Actions for the selected guests"
      data-testid={testIds.bulkBar}
    >
      <span>{only?.name ?? `${guests.length} selected`}</span>
      {only && (
        <Button size="small" look="primary" onPress={() => useUi.getState().set({ detailsOpen: true })}>
          Details
        </Button>
      )}
      {actions.map((action) => (
        <Button
          key={action}
          size="small"
          look={dangerous.has(action) ? 'risky' : 'plain'}
          data-testid={bulkTestId(action)}
          onPress={() => runGuestAction(action, guests)}
        >
          {actionIcons[action]}
          {only ? actionLabel(action, only) : bulkLabels[action]}
        </Button>
      ))}
    </div>
  );
}
