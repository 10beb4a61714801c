// Draws every chart of the page. A figure carries its options as JSON in a data
// block, for light and for dark; nothing in them is evaluated, and tooltips are
// drawn in the picture, never as HTML.
"use strict";
{
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paper = window.matchMedia("print");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  // A picture with a view box shrinks to the paper, whose width no script is told.
  function begin(place) {
    const chart = window.echarts.init(place, null, { renderer: "svg" });
    chart.on("rendered", () => {
      place.querySelector("svg")?.setAttribute("viewBox", `0 0 ${chart.getWidth()} ${chart.getHeight()}`);
    });
    return chart;
  }

  function draw(figure) {
    const place = figure.querySelector("[data-chart-place]");
    const data = figure.querySelector('script[type="application/json"]');
    if (!place || !data || !window.echarts) return;
    const options = JSON.parse(data.textContent);
    const option = dark.matches && !paper.matches ? options.dark : options.light;
    place.hidden = false;
    option.animation = option.animation === true && !still.matches;
    for (const tooltip of [option.tooltip].flat()) {
      if (tooltip) tooltip.renderMode = "richText";
    }
    const chart = window.echarts.getInstanceByDom(place) ?? begin(place);
    option.backgroundColor = "transparent";
    option.textStyle = { ...option.textStyle, fontFamily: getComputedStyle(document.body).fontFamily };
    const label = [option.yAxis].flat()[0]?.axisLabel;
    if (label && !label.formatter) label.formatter = (value) => String(value).replace("-", "\u2212");
    chart.setOption(option, true);
  }

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  const drawAll = () => figures.forEach(draw);
  drawAll();
  for (const surrounding of [dark, paper]) surrounding.addEventListener("change", drawAll);
  for (const figure of figures) {
    const place = figure.querySelector("[data-chart-place]");
    if (place) new ResizeObserver(() => window.echarts?.getInstanceByDom(place)?.resize()).observe(place);
  }
}
