import './ui/tokens.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import * as z from 'zod';
import { App } from './App.tsx';
import { connect } from './bridge/sync.ts';
import { applyTheme } from './ui/theme.ts';

// The page's policy forbids making code at run time.
z.config({ jitless: true });
applyTheme('system');
const { retry } = connect();
const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      <App retry={retry} />
    </StrictMode>,
  );
