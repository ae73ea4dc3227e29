// @ts-check
'use strict';
/* global document, window, IntersectionObserver */

// Everything here is comfort: without it the report shows all of its rows, unsorted and open.
(() => {
  const root = document.documentElement;
  root.classList.add('js');

  /**
   * @param {string} selector
   * @param {ParentNode} [within]
   * @returns {HTMLElement[]}
   */
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

  themeSwitch();
  all('table.open').forEach(openRows);
  all('table.sort').forEach(sortColumns);
  all('table[data-filter]').forEach(filterRows);
  followContents();
  readTimeline();

  function themeSwitch() {
    const button = document.getElementById('theme');
    const label = button && button.querySelector('span');
    if (!button || !label) return;
    const names = ['automatic', 'light', 'dark'];
    let current = 0;
    try {
      current = Math.max(0, names.indexOf(localStorage.getItem('pipetrace-theme') || ''));
    } catch {
      // A file opened from disk may have no storage; the choice then lasts as long as the page.
    }
    const show = () => {
      label.textContent = names[current];
      if (current) root.dataset.theme = names[current];
      else delete root.dataset.theme;
    };
    button.hidden = false;
    button.addEventListener('click', () => {
      current = (current + 1) % names.length;
      show();
      try {
        localStorage.setItem('pipetrace-theme', names[current]);
      } catch {
        // See above.
      }
    });
    show();
  }

  /** @param {HTMLElement} table */
  function openRows(table) {
    for (const body of all('tbody', table)) {
      const cell = body.querySelector('.cell');
      const name = cell && cell.querySelector('code');
      if (!cell || !name) continue;
      const button = document.createElement('button');
      button.type = 'button';
      name.replaceWith(button);
      button.append(name);
      button.setAttribute('aria-expanded', 'false');
      button.addEventListener('click', () => {
        button.setAttribute('aria-expanded', String(body.classList.toggle('is-open')));
      });
    }
  }

  /**
   * The rows of a table that move as one: bodies where a row has details, else single rows.
   * @param {HTMLElement} table
   */
  function units(table) {
    return all(table.classList.contains('open') ? 'tbody' : 'tbody > tr', table);
  }

  /** @param {HTMLElement} table */
  function sortColumns(table) {
    const heads = all('thead th', table);
    heads.forEach((head, column) => {
      if (!head.hasAttribute('data-sort')) return;
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const numeric = head.classList.contains('r') || head.nextElementSibling === null || isNumeric(table, column);
        const before = head.getAttribute('aria-sort');
        const order = before ? (before === 'descending' ? 'ascending' : 'descending') : numeric ? 'descending' : 'ascending';
        heads.forEach((other) => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', order);
        const sign = order === 'ascending' ? 1 : -1;
        const rows = units(table);
        const parent = rows.length ? rows[0].parentNode : null;
        const keyed = rows.map((row) => ({ row, key: keyOf(row, column) }));
        keyed.sort((a, b) => sign * compare(a.key, b.key));
        if (parent) parent.append(...keyed.map((each) => each.row));
      });
    });
  }

  /**
   * @param {HTMLElement} row
   * @param {number} column
   */
  function keyOf(row, column) {
    const first = row.matches('tr') ? row : row.querySelector('tr');
    const cell = /** @type {HTMLElement | undefined} */ (first ? first.children[column] : undefined);
    const text = cell ? (cell.dataset.v ?? cell.textContent ?? '') : '';
    const number = Number(text);
    return text.trim() === '' || Number.isNaN(number) ? text.trim().toLowerCase() : number;
  }

  /**
   * @param {HTMLElement} table
   * @param {number} column
   */
  function isNumeric(table, column) {
    const [first] = units(table);
    return first !== undefined && typeof keyOf(first, column) === 'number';
  }

  /**
   * @param {string | number} a
   * @param {string | number} b
   */
  function compare(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    return String(a).localeCompare(String(b));
  }

  /** @param {HTMLElement} table */
  function filterRows(table) {
    const rows = units(table);
    if (rows.length < 8 || !table.parentElement) return;
    const label = document.createElement('label');
    label.className = 'filter';
    const input = document.createElement('input');
    input.type = 'search';
    input.placeholder = `Filter ${rows.length} ${table.dataset.filter}`;
    input.setAttribute('aria-label', `Filter ${table.dataset.filter}`);
    label.append(input);
    table.parentElement.before(label);
    const texts = new Map(rows.map((row) => [row, (row.querySelector('tr') || row).textContent?.toLowerCase() || '']));
    input.addEventListener('input', () => {
      const wanted = input.value.trim().toLowerCase();
      for (const [row, text] of texts) row.hidden = !text.includes(wanted);
    });
  }

  function followContents() {
    const links = new Map(all('.contents a').map((link) => [link.getAttribute('href')?.slice(1) || '', link]));
    if (!('IntersectionObserver' in window)) return;
    const visible = new Set();
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting) visible.add(entry.target.id);
          else visible.delete(entry.target.id);
        }
        let found = false;
        for (const [id, link] of links) {
          /** @type {boolean} */
          const here = !found && visible.has(id);
          found ||= here;
          link.classList.toggle('here', here);
        }
      },
      { rootMargin: '0px 0px -55% 0px' },
    );
    for (const id of links.keys()) {
      const section = document.getElementById(id);
      if (section) observer.observe(section);
    }
  }

  function readTimeline() {
    const plots = all('.timeline figure');
    const text = document.getElementById('timeline-data')?.textContent;
    if (!plots.length || !text) return;
    /** @type {{end: number, processes: {label: string, points: (number | string)[][]}[]}} */
    const data = JSON.parse(text);
    const [first] = data.processes;
    if (!first || !first.points.length) return;
    const parts = plots.map((figure) => {
      const readout = /** @type {HTMLElement} */ (figure.querySelector('.readout'));
      const cross = /** @type {HTMLElement} */ (figure.querySelector('.cross'));
      return { kind: figure.dataset.figure || '', readout, cross, rest: readout.textContent || '' };
    });
    const show = (/** @type {number} */ share) => {
      const t = Math.min(Math.max(share, 0), 1) * data.end;
      for (const { kind, readout, cross } of parts) {
        const values = data.processes.map((process) => valueAt(process.points, t, kind));
        readout.textContent = `${t.toFixed(1)} s: ${values.join(', ')}`;
        cross.hidden = false;
        cross.style.left = `${(t / data.end) * 100}%`;
      }
    };
    const hide = () => {
      for (const { readout, cross, rest } of parts) {
        readout.textContent = rest;
        cross.hidden = true;
      }
    };
    for (const plot of all('.plot')) {
      plot.addEventListener('pointermove', (event) => {
        const box = plot.getBoundingClientRect();
        show((event.clientX - box.left) / box.width);
      });
      plot.addEventListener('pointerleave', hide);
    }
  }

  /**
   * @param {(number | string)[][]} points
   * @param {number} t
   * @param {string} kind
   */
  function valueAt(points, t, kind) {
    let point = points[0];
    for (const next of points) {
      if (Number(next[0]) > t) break;
      point = next;
    }
    if (!point) return '–';
    if (kind === 'delay') return `${point[3]}, at most ${point[4]}`;
    return String(kind === 'cpu' ? point[1] : point[2]);
  }
})();
