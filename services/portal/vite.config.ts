import react from '@vitejs/plugin-react';
import { loadEnv } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  plugins: [react()],
  // The gateway's content security policy allows files of its own origin only, so nothing is inlined.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  // PLATFORM_GATEWAY: where `npm run dev` finds a running gateway. The built portal is served by the gateway itself.
  server: { proxy: { '/api': loadEnv(mode, '.', 'PLATFORM_')['PLATFORM_GATEWAY'] ?? 'http://127.0.0.1:8080' } },
  test: { environment: 'jsdom' },
}));
