'use strict';

// What is asked of the process, and what is told to it.

const { Router } = require('express');

const router = Router();

router.get('/pid', (req, res) => {
  res.json({ same: process.pid === main, parent: process.ppid > 0, title: typeof process.title });
});

router.get('/memory', async (req, res) => {
  const { rss, heapUsed } = process.memoryUsage();
  res.json({ rss: rss > 1e6, heap: heapUsed > 1e5, up: process.uptime() > 0, cpu: process.cpuUsage().user > 0 });
});

router.get('/directory', async (req, res) => {
  const before = process.cwd();
  process.chdir('/');
  const there = process.cwd();
  process.chdir(before);
  res.json({ there, back: process.cwd() === before });
});

router.get('/exit-code', (req, res) => {
  const before = process.exitCode;
  process.exitCode = 7;
  res.json({ before, after: process.exitCode });
  process.exitCode = undefined;
});

router.get('/versions', async (req, res) => {
  res.json({ node: process.version === process.versions.node || process.version.slice(1) === process.versions.node, arch: process.arch.length > 0 });
});

router.get('/umask', async (req, res) => {
  res.json({ umask: process.umask() >= 0, uid: process.getuid() >= 0, groups: Array.isArray(process.getgroups()) });
});

router.get('/thread', async (req, res) => {
  const { isMainThread, threadId } = require('node:worker_threads');
  res.json({ isMainThread, threadId, pid: process.pid === main });
});

const main = process.pid;

router.get('/signal', (req, res) => {
  res.json({ alive: process.kill(process.pid, 0) });
});

router.get('/own', async (req, res) => {
  res.json({ known: [process.pid, process.ppid].every((pid) => pid > 0), same: process.pid === main });
});

module.exports = router;
