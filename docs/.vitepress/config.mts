import { defineConfig } from 'vitepress';

const commands = [
  'init',
  'unregister',
  'hosts',
  'approve',
  'keys',
  'push',
  'pull',
  'verify',
  'adopt',
  'status',
  'where',
  'doctor',
  'runs',
  'trash',
  'history',
  'conflicts',
  'removals',
  'audit',
  'completion',
];

// The build fails on a dead link. Nothing is loaded from another origin: search is local, and the
// theme brings its fonts.
export default defineConfig({
  title: 'syncmedia',
  description: 'Keeps the uploads of an Express and Mongoose site on all of its machines.',
  lang: 'en',
  // Where the site lies below a path, as "/syncmedia/".
  base: process.env.DOCS_BASE ?? '/',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Five minutes', link: '/five-minutes' },
      { text: 'Commands', link: '/commands/' },
      { text: 'Reference', link: '/reference' },
    ],
    sidebar: [
      {
        text: 'Start',
        items: [
          { text: 'All pages', link: '/' },
          { text: 'How it works', link: '/how-it-works' },
          { text: 'Five minutes', link: '/five-minutes' },
          { text: 'Adopting existing files', link: '/adopting' },
          { text: 'Moving from another tool', link: '/moving' },
          { text: 'GridFS and object stores', link: '/gridfs' },
        ],
      },
      {
        text: 'Use',
        items: [
          { text: 'Naming files', link: '/naming-files' },
          { text: 'Mongoose operations', link: '/captured-operations' },
          { text: 'Waiting for copies', link: '/waiting-for-copies' },
          { text: 'Deletes and the trash', link: '/deletes' },
          { text: 'Serving uploads', link: '/serving' },
          { text: 'Differences from express.static', link: '/express-static' },
          { text: 'Testing your application', link: '/testing' },
          { text: 'NestJS and Next.js', link: '/frameworks' },
          { text: 'Bundlers and package managers', link: '/bundlers' },
        ],
      },
      {
        text: 'Operate',
        items: [
          { text: 'Hosts and keys', link: '/hosts-and-keys' },
          {
            text: 'Commands',
            link: '/commands/',
            collapsed: true,
            items: commands.map((name) => ({ text: name, link: `/commands/${name}` })),
          },
          { text: 'The admin page', link: '/admin-page' },
          { text: 'Status and doctor', link: '/status-and-doctor' },
          { text: 'Metrics', link: '/metrics' },
          { text: 'Logs', link: '/logs' },
          { text: 'Keeping every version', link: '/history' },
          { text: 'Conflicts', link: '/conflicts' },
          { text: 'Restarts and upgrades', link: '/upgrades' },
          { text: 'Backups', link: '/backups' },
          { text: 'Adding and removing hosts', link: '/adding-hosts' },
          { text: 'Processes and containers', link: '/processes' },
          { text: 'Uninstalling', link: '/uninstalling' },
        ],
      },
      {
        text: 'Understand',
        items: [
          { text: 'Guarantees and failures', link: '/guarantees' },
          { text: 'Trust', link: '/trust' },
          { text: 'Limits', link: '/limits' },
          { text: 'Performance', link: '/performance' },
        ],
      },
      {
        text: 'Reference',
        items: [
          { text: 'Options, environment, errors', link: '/reference' },
          { text: 'The admin router', link: '/router' },
          { text: 'API', link: '/api' },
        ],
      },
      { text: 'Design', items: [{ text: 'Decisions', link: '/design/' }] },
    ],
  },
});
