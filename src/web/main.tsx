import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { refuseStrayFiles } from './browser/stray-files.ts';
import { queryClient } from './state/queries.ts';
import './styles.css';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no #root');

refuseStrayFiles();

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
