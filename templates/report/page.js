"use strict";
(function () {
  var pick = function (id) { var one = document.getElementById(id); if (one) { one.checked = true; } };
  var wanted = /[?#&]lang=(en|zh)/.exec(location.search + location.hash);
  var lang = wanted ? wanted[1] : /^zh/i.test(navigator.language || "") ? "zh" : "en";
  pick("in-" + lang);
  var inputs = document.getElementsByName("lang");
  var tell = function () { document.documentElement.lang = document.getElementById("in-zh").checked ? "zh-CN" : "en"; };
  for (var i = 0; i < inputs.length; i++) { inputs[i].addEventListener("change", tell); }
  tell();
  var look = /[?#&]look=(light|dark)/.exec(location.search + location.hash);
  if (look) { pick("look-" + look[1]); }

  var chart = document.getElementById("chart");
  if (!chart) { return; }
  var data = JSON.parse(document.getElementById("data").textContent).loss.points;
  var spots = JSON.parse(chart.getAttribute("data-spots"));
  var cross = document.getElementById("chart-cross"), dot = document.getElementById("chart-dot");
  var says = document.getElementById("chart-says"), now = -1;
  var show = function (index) {
    now = Math.max(0, Math.min(spots.length - 1, index));
    var x = spots[now][0], y = spots[now][1], point = data[now];
    cross.setAttribute("x1", x); cross.setAttribute("x2", x); cross.style.display = "";
    dot.style.display = y === null ? "none" : "";
    if (y !== null) { dot.setAttribute("cx", x); dot.setAttribute("cy", y); }
    var loss = typeof point[1] === "number" ? point[1].toFixed(4) : String(point[1]);
    var rate = typeof point[2] === "number" ? point[2].toExponential(1) : "";
    var zh = document.getElementById("in-zh").checked;
    says.textContent = (zh ? "第 " + point[0] + " 步  损失 " + loss : "step " + point[0] + "  loss " + loss) +
      (rate ? (zh ? "  学习率 " : "  learning rate ") + rate : "");
  };
  var nearest = function (event) {
    var box = chart.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
    var best = 0;
    for (var i = 1; i < spots.length; i++) {
      if (Math.abs(spots[i][0] - x) < Math.abs(spots[best][0] - x)) { best = i; }
    }
    show(best);
  };
  chart.addEventListener("pointermove", nearest);
  chart.addEventListener("pointerdown", nearest);
  chart.addEventListener("keydown", function (event) {
    var move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move) { show(now + move); event.preventDefault(); }
  });
})();
