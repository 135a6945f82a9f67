// What a page cannot say in HTML: the key "/", Airflow's choice of light or dark, links out of Airflow's frame, the focus,
// and that a page which looks again by itself takes nothing away from who writes in it.
(() => {
  "use strict";
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* no storage: as the system has it */ }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    document.getElementById("text")?.focus();
    document.getElementById("text")?.select();
  });

  // A page inside Airflow's frame may not lead the frame's outside away; a link of the outside may.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || window.top === window) return;
    event.preventDefault();
    const outside = window.top.document.createElement("a");
    outside.href = link.href;
    outside.click();
  });

  // Who works with the keyboard, or hears the page, is led to what came of her act.
  document.addEventListener("htmx:afterSettle", (event) => {
    (document.getElementById("said") || document.getElementById("asked"))?.focus();
    const asks = event.detail.requestConfig?.elt;
    if (asks?.matches("[role=search]")) document.getElementById("text").select(); // what is typed next is another search
    draw();
  });

  const isWriting = () => Boolean(document.activeElement?.closest("main form")) ||
    [...document.querySelectorAll("main textarea, main input")].some((field) => field.value !== field.defaultValue);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!event.detail.elt.matches("[data-waits]") || !isWriting()) return;
    event.preventDefault();
    setTimeout(() => htmx.trigger(event.detail.elt, "again"), 1000);
  });

  function draw() {
    for (const place of document.querySelectorAll("[data-chart]:not([data-drawn])")) {
      place.dataset.drawn = "1";
      const { x, series } = JSON.parse(place.dataset.chart);
      const style = getComputedStyle(document.documentElement);
      const axis = { stroke: style.getPropertyValue("--soft"), grid: { stroke: style.getPropertyValue("--line") } };
      const lines = series.map((one) => ({ label: one.label, stroke: style.getPropertyValue(one.color), width: 2 }));
      const options = { width: place.clientWidth, height: 160, legend: { live: false }, cursor: { show: false }, axes: [axis, axis], series: [{}, ...lines] };
      const chart = new uPlot(options, [x, ...series.map((one) => one.values)], place);
      new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 160 })).observe(place);
    }
  }
  draw();
})();
