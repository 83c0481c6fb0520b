// Two workers of one host. `pm2 start ecosystem.config.cjs`, later `pm2 reload site`.
module.exports = {
  apps: [
    {
      name: 'site',
      script: '/srv/app/server.mjs',
      cwd: '/srv/app',
      node_args: '--env-file=/srv/app/syncmedia.env',
      exec_mode: 'cluster',
      instances: 2,
      // An old worker ends only after the new one has called process.send('ready').
      wait_ready: true,
      listen_timeout: 20_000,
      // After SIGINT a worker has this long to answer its requests and hand its work over.
      kill_timeout: 10_000,
    },
  ],
};
