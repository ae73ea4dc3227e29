'use strict';

// The caller keeps the object that it handed over; a moved function that goes on changing it later is seen.

const { Router } = require('express');

const router = Router();
const jobs = [];

async function work(job) {
  job.state = 'begun';
  await new Promise((resolve) => setTimeout(resolve, 3));
  job.state = 'done';
  setTimeout(() => { job.after = 'later'; }, 5);
  return job;
}

router.get('/', async (req, res) => {
  const job = { id: jobs.length, state: 'new' };
  jobs.push(job);
  const same = await work(job);
  res.json({ same: same === job, state: job.state, first: jobs[0].state });
});

router.get('/later', async (req, res) => {
  await new Promise((resolve) => setTimeout(resolve, 30));
  res.json(jobs.map((job) => [job.state, job.after]));
});

module.exports = router;
