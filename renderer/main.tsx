import './no-code-generation.ts';
import './ui/tokens.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import { connect } from './bridge/sync.ts';
import { applyTheme } from './ui/theme.ts';

applyTheme('system');
const { retry } = connect();
const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      <App retry={retry} />
    </StrictMode>,
  );
