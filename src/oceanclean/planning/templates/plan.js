(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("map-data").textContent);
  var west = data.limits[1];
  var reduced = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  function byId(id) { return document.getElementById(id); }
  function all(selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); }
  function wrap(lon) { return west + (((lon - west) % 360) + 360) % 360; }
  function at(lat, lon) { return L.latLng(lat, wrap(lon)); }
  function box(b) { return L.latLngBounds([b[0], b[1]], [b[2], b[3]]); }

  /* Text only ever enters the page as text. */
  function element(tag, className, text) {
    var made = document.createElement(tag);
    if (className) { made.className = className; }
    if (text) { made.textContent = text; }
    return made;
  }
  function popup(title, lines) {
    var made = element("div", "popup");
    made.appendChild(element("b", "", title));
    lines.forEach(function (line) { if (line) { made.appendChild(element("p", "", line)); } });
    return made;
  }

  all(".live").forEach(function (part) { part.hidden = false; });
  document.documentElement.classList.add("has-map");

  var limits = box(data.limits);
  var map = L.map("map", {
    attributionControl: false, maxBounds: limits, maxBoundsViscosity: 1, zoomSnap: 0.25, maxZoom: 14,
    zoomAnimation: !reduced, fadeAnimation: false, markerZoomAnimation: !reduced
  });
  [["field", 250], ["land", 300], ["areas", 350], ["patches", 390], ["ways", 410]].forEach(function (pane) {
    map.createPane(pane[0]).style.zIndex = pane[1];
  });

  function fitPlan() {
    var seen = box(data.bounds);
    data.ports.forEach(function (p) { seen.extend(at(p.lat, p.lon)); });
    map.setMinZoom(0);
    map.fitBounds(seen, { padding: [4, 4], animate: false });
    map.setMinZoom(Math.min(map.getZoom(), map.getBoundsZoom(limits, true)));
  }
  fitPlan();

  L.polygon(data.coast, {
    pane: "land", interactive: false, fillColor: "#d9d4c7", fillOpacity: 1, color: "#857d6a", weight: 1,
    renderer: L.svg({ pane: "land", padding: 0.6 })
  }).addTo(map);

  L.rectangle(box(data.bounds), { pane: "areas", interactive: false, fill: false, color: "#6d8591", weight: 1, dashArray: "6 4" }).addTo(map);

  /* --- scale bar in nautical miles and kilometres --- */
  var NauticalScale = L.Control.Scale.extend({
    _updateMetric: function (metres) {
      var miles = this._getRoundNum(metres / 1852) || metres / 1852;
      this._updateScale(this._mScale, (miles < 0.01 ? miles.toPrecision(1) : miles) + " nm", miles * 1852 / metres);
    }
  });
  new NauticalScale({ imperial: false, metric: true, maxWidth: 130 }).addTo(map);
  L.control.scale({ imperial: false, maxWidth: 130 }).addTo(map);

  /* --- sea surface: one picture a time, made when first asked for --- */
  var pictures = {};
  function picture(key, uri, bounds) {
    if (!uri) { return null; }
    if (!pictures[key]) {
      pictures[key] = L.imageOverlay(uri, box(bounds), { pane: "field", opacity: 0, alt: "" }).addTo(map);
    }
    return pictures[key];
  }
  var shown = null;
  function showField() {
    var kind = (document.querySelector("input[name=field]:checked") || {}).value;
    var frame = data.frames[now];
    var next = kind === "density" ? picture("d" + now, frame.density, data.bounds)
      : kind === "doubt" ? picture("doubt", data.doubt, data.bounds)
        : kind === "waves" ? picture("w" + now, frame.waves, data.waveBounds) : null;
    if (next === shown) { return; }
    if (shown) { shown.setOpacity(0); }
    if (next) { next.setOpacity(1); }
    shown = next;
    all(".legend[data-for]").forEach(function (l) {
      if (l.dataset.for !== "seen") { l.hidden = l.dataset.for !== kind; }
    });
  }

  /* --- layers that can be switched --- */
  var layers = { routes: L.layerGroup(), patches: L.layerGroup(), closed: L.layerGroup(), ports: L.layerGroup(),
    detections: L.layerGroup(), others: L.layerGroup(), seen: L.layerGroup() };
  L.imageOverlay(data.seen, box(data.bounds), { pane: "field", opacity: 0.9, alt: "" }).addTo(layers.seen);

  data.closed.forEach(function (area) {
    L.polygon(area.ring.map(function (p) { return at(p[0], p[1]); }), {
      pane: "areas", color: "#a1260d", weight: 2, dashArray: "2 5", fillColor: "#a1260d", fillOpacity: 0.12
    }).bindPopup(popup("Closed: " + area.name, [area.reason])).addTo(layers.closed);
  });

  function label(latlng, text, className, group, offset) {
    L.marker(latlng, {
      interactive: false, keyboard: false,
      icon: L.divIcon({ className: "stop-label " + (className || ""), html: element("span", "", text), iconSize: null,
        iconAnchor: offset || [-9, 16] })
    }).addTo(group);
  }
  data.ports.forEach(function (port) {
    L.circleMarker(at(port.lat, port.lon), { radius: 5, color: "#14323f", weight: 2, fillColor: "#fff", fillOpacity: 1 })
      .bindPopup(popup(port.name, ["Port"])).addTo(layers.ports);
    label(at(port.lat, port.lon), port.name, "port", layers.ports, [-12, -10]);
  });

  var canvas = L.canvas({ padding: 0.4 });
  data.detections.forEach(function (d) {
    var group = d.debris ? layers.detections : layers.others;
    var style = { renderer: canvas, color: "#0b3d2e", weight: 1.2, fillColor: d.debris ? "#39e6a0" : "#ffffff", fillOpacity: d.debris ? 0.85 : 0.4 };
    var mark = d.ring ? L.polygon(d.ring.map(function (p) { return at(p[0], p[1]); }), style)
      : L.circleMarker(at(d.lat, d.lon), L.extend({ radius: 4 }, style));
    if (d.ring) {
      L.circleMarker(at(d.lat, d.lon), L.extend({ radius: 3 }, style)).addTo(group);
    }
    mark.bindPopup(function () {
      var made = popup(d.title, d.lines);
      if (d.shot) { var shot = element("img"); shot.src = d.shot; shot.alt = "The pixels of this detection"; made.appendChild(shot); }
      return made;
    }).addTo(group);
  });

  /* --- positions along a track of [seconds, lat, lon] --- */
  function along(track, seconds) {
    if (!track.length) { return null; }
    if (seconds <= track[0][0]) { return at(track[0][1], track[0][2]); }
    for (var i = 1; i < track.length; i += 1) {
      var a = track[i - 1], b = track[i];
      if (seconds <= b[0]) {
        var share = b[0] > a[0] ? (seconds - a[0]) / (b[0] - a[0]) : 1;
        var start = at(a[1], a[2]), end = at(b[1], b[2]);
        return L.latLng(start.lat + share * (end.lat - start.lat), start.lng + share * (end.lng - start.lng));
      }
    }
    var last = track[track.length - 1];
    return at(last[1], last[2]);
  }
  var hours = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: data.timezone });
  function clock(seconds) { return hours.format(seconds * 1000).replace(",", ""); }

  /* --- patches: where they are at the slider's time, and their drift --- */
  var crowded = data.tasks.length > 30;
  /* one canvas for all outlines: hundreds of them move with the slider in one stroke */
  var outlines = L.canvas({ pane: "patches", padding: 0.4 });
  var patches = data.tasks.map(function (task) {
    var colour = task.served ? "#14323f" : "#5a5a5a";
    var path = task.track.map(function (p) { return at(p[1], p[2]); });
    if (path.length > 1 && (task.served || !crowded)) {
      L.polyline(path, { pane: "ways", color: colour, weight: 1.5, opacity: 0.65, dashArray: "1 5", interactive: false }).addTo(layers.patches);
    }
    var ring = L.circle(at(task.lat, task.lon), { radius: task.radius, color: colour, weight: task.served ? 2 : 1.5,
      opacity: task.served || !crowded ? 1 : 0.3,
      dashArray: task.served ? null : "4 4", fill: true, fillOpacity: 0.04, pane: "patches", renderer: outlines })
      .bindPopup(popup("Patch " + task.id, [task.kg + " expected, " + task.range + " (80 %)", task.served ? "A vessel is sent to it." : "Not served.", task.why]))
      .addTo(layers.patches);
    return { track: task.track, ring: ring, served: task.served, id: task.id };
  });
  var patchNames = patches.map(function (patch, i) {
    if (patch.served) { return null; }
    var mark = L.marker(at(data.tasks[i].lat, data.tasks[i].lon), { interactive: false, keyboard: false,
      icon: L.divIcon({ className: "stop-label" + (crowded ? " tick" : ""), html: element("span", "", patch.id), iconSize: null, iconAnchor: [-8, 18] }) });
    return mark.addTo(layers.patches);
  });

  /* --- routes: way, arrows, stops with times, ticks every two hours --- */
  var dashes = [null, "12 5", "5 5", "14 5 4 5"];
  function colourOf(vessel) {
    var probe = element("span", "v" + vessel.n);
    document.body.appendChild(probe);
    var colour = getComputedStyle(probe).getPropertyValue("--vessel").trim();
    probe.remove();
    return colour || "#0060a0";
  }
  function arrow(line, vessel) {
    var points = line.map(function (p) { return map.project(p, 12); });
    var total = 0, i;
    for (i = 1; i < points.length; i += 1) { total += points[i].distanceTo(points[i - 1]); }
    var half = total / 2;
    for (i = 1; i < points.length; i += 1) {
      var length = points[i].distanceTo(points[i - 1]);
      if (half <= length && length > 0) {
        var step = points[i].subtract(points[i - 1]);
        var turn = Math.atan2(step.x, -step.y) * 180 / Math.PI;
        var place = points[i - 1].add(step.multiplyBy(half / length));
        var svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        svg.setAttribute("viewBox", "-10 -10 20 20"); svg.setAttribute("width", "20"); svg.setAttribute("height", "20");
        var path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", "M0-8 6 6 0 3-6 6Z"); path.setAttribute("transform", "rotate(" + turn.toFixed(1) + ")");
        svg.appendChild(path);
        L.marker(map.unproject(place, 12), { interactive: false, keyboard: false,
          icon: L.divIcon({ className: "arrow v" + vessel.n, html: svg, iconSize: [20, 20] }) }).addTo(layers.routes);
        return;
      }
      half -= length;
    }
  }
  function stopsOf(vessel, colour) {
    vessel.stops.forEach(function (stop) {
      var place = at(stop.lat, stop.lon);
      if (stop.action !== "collect") { return; }
      L.circleMarker(place, { radius: 6, color: colour, weight: 3, fillColor: "#fff", fillOpacity: 1 })
        .bindPopup(popup(stop.name + " " + vessel.name, ["Collect " + stop.task + ", " + stop.kg, stop.when + " local, " + stop.utc, stop.position]))
        .addTo(layers.routes);
      label(place, stop.task + " " + stop.time, "", layers.routes);
    });
  }
  function ticksOf(vessel, colour) {
    var track = vessel.track;
    for (var t = Math.ceil(track[0][0] / 7200) * 7200; t < track[track.length - 1][0]; t += 7200) {
      var place = along(track, t);
      if (place.equals(along(track, t + 60))) { continue; }
      L.circleMarker(place, { radius: 2.5, color: colour, weight: 1.5, fillColor: "#fff", fillOpacity: 1, interactive: false, className: "tick" }).addTo(layers.routes);
      label(place, clock(t), "tick", layers.routes, [-6, -3]);
    }
  }
  var boats = data.vessels.map(function (vessel, index) {
    var colour = colourOf(vessel);
    vessel.sweeps.forEach(function (ends) {
      L.polyline(ends.map(function (p) { return at(p[0], p[1]); }), { pane: "ways", color: colour, weight: 7, opacity: 0.45, lineCap: "round", interactive: false }).addTo(layers.routes);
    });
    vessel.legs.forEach(function (leg) {
      var line = leg.map(function (p) { return at(p[0], p[1]); });
      L.polyline(line, { pane: "ways", color: "#fff", weight: 6, opacity: 0.85, interactive: false }).addTo(layers.routes);
      L.polyline(line, { pane: "ways", color: colour, weight: 3, dashArray: dashes[index % dashes.length], interactive: false }).addTo(layers.routes);
      arrow(line, vessel);
    });
    if (vessel.track.length) { ticksOf(vessel, colour); }
    stopsOf(vessel, colour);
    var boat = L.marker(at(vessel.lat, vessel.lon), { title: vessel.name, alt: "Vessel " + vessel.n, zIndexOffset: 500,
      icon: L.divIcon({ className: "vessel-dot v" + vessel.n, html: element("span", "", String(vessel.n)), iconSize: [24, 24] }) })
      .bindPopup(popup(vessel.n + " " + vessel.name, [vessel.sent ? "Position at the time of the slider." : "Stays in port."]));
    if (vessel.sent) { boat.addTo(layers.routes); }
    return { marker: boat, track: vessel.track };
  });

  all("[data-layer]").forEach(function (input) {
    function set() {
      var layer = layers[input.dataset.layer];
      if (input.checked) { map.addLayer(layer); } else { map.removeLayer(layer); }
      all(".legend[data-for=" + input.dataset.layer + "]").forEach(function (l) { l.hidden = !input.checked; });
    }
    input.addEventListener("change", set);
    set();
  });
  function hidden() { return map.getContainer().classList.contains("map-far"); }  /* names that lie too close */
  function far() { map.getContainer().classList.toggle("map-far", map.getZoom() < map.getBoundsZoom(box(data.bounds)) + 1); }
  map.on("zoomend", far);
  far();

  /* Labels that would lie on another are left out until the map is closer; times of stops come first. */
  function rank(mark) { return mark.classList.contains("tick") ? 2 : mark.classList.contains("port") ? 1 : 0; }
  function declutter() {
    var taken = all("#map .vessel-dot").map(function (dot) { return dot.getBoundingClientRect(); });
    var marks = all("#map .stop-label"), frame = map.getContainer().getBoundingClientRect();
    marks.forEach(function (mark) { mark.style.visibility = ""; });
    marks.sort(function (a, b) { return rank(a) - rank(b); }).forEach(function (mark) {
      var r = mark.getBoundingClientRect();
      if (!r.width) { return; }
      var hit = r.left < frame.left || r.right > frame.right || taken.some(function (t) { return r.left < t.right && r.right > t.left && r.top < t.bottom && r.bottom > t.top; });
      if (hit) { mark.style.visibility = "hidden"; } else { taken.push(r); }
    });
  }
  map.on("zoomend moveend layeradd", function () { window.clearTimeout(declutter.timer); declutter.timer = window.setTimeout(declutter, 60); });
  declutter();

  /* --- time --- */
  var now = 0;
  var slider = byId("when");
  var calendars = {};  /* making one costs more than a step of the slider */
  function words(iso, zone) {
    calendars[zone] = calendars[zone] || new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone });
    return calendars[zone].format(new Date(iso));
  }
  function setTime(index) {
    now = Math.max(0, Math.min(data.frames.length - 1, index));
    var frame = data.frames[now];
    var seconds = new Date(frame.time).getTime() / 1000;
    slider.value = now;
    var text = (now === 0 ? "At issue: " : "Forecast +" + Math.round(frame.hours) + " h: ") + words(frame.time, data.timezone) + " local (" + words(frame.time, "UTC").slice(-5) + " UTC)";
    byId("when-text").textContent = text;
    slider.setAttribute("aria-valuetext", text);
    showField();
    boats.forEach(function (boat) { var p = along(boat.track, seconds); if (p) { boat.marker.setLatLng(p); } });
    patches.forEach(function (patch, i) {
      var p = along(patch.track, seconds);
      if (p) { patch.ring.setLatLng(p); if (patchNames[i] && !(crowded && hidden())) { patchNames[i].setLatLng(p); } }
    });
  }
  map.on("zoomend", function () { if (crowded) { setTime(now); } });
  /* Pictures of the later times are decoded while nobody waits, so that the slider finds them ready. */
  function ready(index) {
    if (index >= data.frames.length) { return; }
    var made = picture("d" + index, data.frames[index].density, data.bounds);
    var next = function () { window.setTimeout(function () { ready(index + 1); }, 30); };
    if (made && made.getElement().decode) { made.getElement().decode().then(next, next); } else { next(); }
  }
  slider.addEventListener("input", function () { setTime(Number(slider.value)); });
  byId("back").addEventListener("click", function () { setTime(now - 1); });
  byId("on").addEventListener("click", function () { setTime(now + 1); });
  all("input[name=field]").forEach(function (input) { input.addEventListener("change", showField); });
  setTime(0);
  window.setTimeout(function () { ready(1); }, 400);

  /* --- figures under the pointer --- */
  var tables = {};
  function density(latlng) {
    var frame = data.frames[now];
    if (!frame.values) { return ""; }
    if (!tables[now]) { tables[now] = atob(frame.values); }
    var row = Math.round((latlng.lat - data.grid.lat.first) / data.grid.lat.step);
    var column = Math.round((latlng.lng - wrap(data.grid.lon.first)) / data.grid.lon.step);
    if (row < 0 || column < 0 || row >= data.grid.lat.count || column >= data.grid.lon.count) { return ""; }
    var code = tables[now].charCodeAt(row * data.grid.lon.count + column);
    if (code === 0) { return "no figure"; }
    if (code === 1) { return "under " + data.scale.low + " kg/km²"; }
    var share = (code - data.scale.first) / (data.scale.last - data.scale.first);
    var value = data.scale.low * Math.pow(data.scale.high / data.scale.low, share);
    return (code === data.scale.last ? "at least " : "about ") + Number(value.toPrecision(2)) + " kg/km²";
  }
  function angle(value, positive, negative, width) {
    var hundredths = Math.round(Math.abs(value) * 6000);
    var degrees = Math.floor(hundredths / 6000);
    return String(degrees).padStart(width, "0") + "°" + ((hundredths % 6000) / 100).toFixed(2).padStart(5, "0") + "′" + (value >= 0 ? positive : negative);
  }
  function named(latlng) {
    var lon = ((latlng.lng + 180) % 360 + 360) % 360 - 180;
    return angle(latlng.lat, "N", "S", 2) + " " + angle(lon, "E", "W", 3);
  }
  function read(event) {
    var figure = density(event.latlng);
    byId("pointer").textContent = named(event.latlng) + (figure ? " · " + figure : "");
  }
  map.on("mousemove", read);
  map.on("click", read);

  /* --- a position typed in: degrees and minutes with letters, or two decimal numbers --- */
  function parsed(text) {
    var clean = text.toUpperCase().replace(/,/g, " ");
    var half = clean.match(/^([^NS]*[NS])(.*)$/);
    var parts = half ? [half[1], half[2]] : null;
    if (!parts) {
      var numbers = clean.match(/-?\d+(?:\.\d+)?/g) || [];
      if (numbers.length !== 2) { return null; }
      parts = numbers;
    }
    var values = parts.map(function (part) {
      var found = (part.match(/-?\d+(?:\.\d+)?/g) || []).map(Number);
      if (!found.length || found.length > 3) { return NaN; }
      var size = Math.abs(found[0]) + (found[1] || 0) / 60 + (found[2] || 0) / 3600;
      return (found[0] < 0 || /[SW]/.test(part) ? -1 : 1) * size;
    });
    return Math.abs(values[0]) <= 90 && Math.abs(values[1]) <= 360 ? at(values[0], values[1]) : null;
  }
  var flag = null;
  byId("goto").addEventListener("submit", function (event) {
    event.preventDefault();
    var place = parsed(byId("position").value);
    var answer = byId("goto-answer");
    if (!place) { answer.textContent = "Not understood. Write 15°48.2′N 086°47.4′W or 15.803, -86.790."; return; }
    if (!limits.contains(place)) { answer.textContent = named(place) + " lies outside the map."; return; }
    var figure = density(place);
    answer.textContent = named(place) + (figure ? ": " + figure : "");
    if (flag) { flag.remove(); }
    flag = L.circleMarker(place, { radius: 9, color: "#000", weight: 3, fill: false }).addTo(map);
    map.panTo(place, { animate: false });
  });

  window.addEventListener("resize", function () { map.invalidateSize(); });
}());
