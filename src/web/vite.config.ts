/** The web client's build. It leaves dist/web, which the server serves as it is. */
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const server = 'http://127.0.0.1:3000';

export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  plugins: [react(), tailwindcss()],
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    // The server's Content-Security-Policy allows nothing inline.
    assetsInlineLimit: 0,
    rolldownOptions: {
      // The protocol's modules only declare things: schemas that nobody uses stay out.
      output: {
        // What seldom changes stays in the browsers' caches when the application does; what few
        // need comes when they do.
        codeSplitting: {
          groups: [
            {
              name: 'libraries',
              test: /node_modules[\\/](?!highlight\.js|frimousse|emojilib|unicode-emoji-json)/,
            },
          ],
        },
      },
      treeshake: { moduleSideEffects: [{ test: /src\/protocol\//, sideEffects: false }] },
    },
  },
  server: {
    proxy: {
      '/api': server,
      '/socket.io': { target: server, ws: true },
    },
  },
});
