import './page-policy.ts';
import './ui/tokens.css';
import { StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import { connect } from './bridge/sync.ts';
import { keepConsoles } from './stores/console-memory.ts';
import { later } from './ui/later.ts';
import { applyTheme } from './ui/theme.ts';

const ScreenWindow = later(
  async () => (await import('./features/consoles/screen/ScreenWindow.tsx')).ScreenWindow,
);

applyTheme('system');
const { retry } = connect();
// A window of its own for one guest's screen: see shell/window.ts.
const screen = new URLSearchParams(location.search).get('screen');
if (screen === null) keepConsoles();
const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      {screen === null ? (
        <App retry={retry} />
      ) : (
        <Suspense>
          <ScreenWindow id={screen} />
        </Suspense>
      )}
    </StrictMode>,
  );
