"""The learned residual: it learns what travels, gives way to physics where it must, and is stored safely."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from analytic_sea import analytic_forcing
from drifter_tables import drifter_table, written

from oceanclean.drift import features
from oceanclean.drift.drifters import load_tracks
from oceanclean.drift.ensemble import forecast
from oceanclean.drift.fitting import fit, starts_of, train_forecaster
from oceanclean.drift.informed import along
from oceanclean.drift.learned_field import coast_km, field_vectors, shear, strips
from oceanclean.drift.residual import load_forecaster, track_vectors
from oceanclean.drift.settings import DriftSettings, ForecasterSettings
from oceanclean.drift.skill import Physics, evaluate_drift
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names

SMALL = DriftSettings(forecaster=ForecasterSettings(trees=25, rows_per_leaf=50, ridge=0.1, season_windows=0))


def ekman(current, wind, hour):
    """A residual that turns with the wind: one per cent of it, 45 degrees to the right."""
    return 0.015 * wind * np.exp(-1j * np.pi / 4)


def turning(current, wind, hour):
    """A residual that changes sign two thirds through: nothing that holds later can be learned."""
    return 0.03 * wind * np.where(hour < 95, 1, -1)


def tracks_of(tmp_path, **kinds):
    return load_tracks(written(tmp_path / "tracks", drifter_table(**kinds)))


def everywhere(tracks):
    return np.ones(tracks.size, dtype=bool)


def test_a_residual_that_travels_is_learned(tmp_path):
    """Trained on one set of drifters it halves the error of physics on another."""
    tracks = tracks_of(tmp_path, extra=ekman, seed=1)
    model = fit(tracks, everywhere(tracks), SMALL)
    assert model.weight > 0.5
    other = tracks_of(tmp_path, extra=ekman, seed=2)
    physics, learned = (np.abs(v - other.observed).mean() for v in (model.physics(other), model.along(other)))
    assert learned < 0.5 * physics


def test_plain_physics_wins_where_nothing_holds(tmp_path):
    """When the residual changes its nature before the later block, the weight is 0."""
    tracks = tracks_of(tmp_path, extra=turning, seed=3)
    model = fit(tracks, everywhere(tracks), SMALL)
    assert model.weight == 0.0
    assert (model.along(tracks) == model.physics(tracks)).all()


def test_few_days_are_believed_little(tmp_path):
    """What won on two later days begins small in another season; nothing at all is still nothing."""
    tracks = tracks_of(tmp_path, extra=ekman, seed=1)
    cautious = SMALL.model_copy(update={"forecaster": SMALL.forecaster.model_copy(update={"season_windows": 8.0})})
    model = fit(tracks, everywhere(tracks), cautious)
    assert model.about["weight_on_later_days"] > 0.5
    assert 0.0 < model.weight < 0.2


@pytest.mark.parametrize("named", [True, False])
def test_share_0_of_the_fitted_windage_is_what_ships(tmp_path, named):
    """With types and without, share 0 is the published windage, and its error on later days that of what ships."""
    table = drifter_table(windage=0.005, seed=4)
    tracks = load_tracks(written(tmp_path, table if named else table.drop(columns="type")))
    still = SMALL.model_copy(update={"forecaster": SMALL.forecaster.model_copy(update={"weights": (0.0,)})})
    model, offered = (fit(tracks, everywhere(tracks), room) for room in (still, SMALL))
    assert {push for kind, push in model.windage.items() if kind != "drogued"} == {0.03}
    assert (model.physics(tracks) == tracks.current + 0.03 * tracks.wind).all()
    trial = offered.about["trial"]["windage"]
    cut = np.quantile(tracks.hours, SMALL.forecaster.inner_share)
    late = tracks.hours >= cut + 0.5 * SMALL.forecaster.gap_h
    starts = starts_of(tracks, late, 12)
    ships = Physics(tracks, SMALL, late).displacement(starts, 12)
    error = np.abs(ships - along(tracks.observed, starts, 12)[:, -1]).mean()
    assert trial["mean_km"]["12"][0] == pytest.approx(error, abs=6e-4)
    assert trial["mean_km"]["12"][-1] < trial["mean_km"]["12"][0]


def test_windage_of_a_class_is_drawn_to_the_published(tmp_path):
    """Many hours find the class's own windage, few stay near the published 2.5 %."""
    many = tracks_of(tmp_path, windage=0.01, drifters=20)
    few = tracks_of(tmp_path / "few", windage=0.01, drifters=1, hours=60)
    assert fit(many, everywhere(many), SMALL).windage["puck"].real == pytest.approx(0.01, abs=0.003)
    assert fit(few, everywhere(few), SMALL).windage["puck"].real > 0.017


def test_features_turn_with_the_sea(tmp_path):
    """Turning every vector turns the features and leaves the trees' columns as they were: no compass, no place."""
    tracks = tracks_of(tmp_path, seed=4)
    vectors = track_vectors(tracks)
    turned = vectors * np.exp(1j * 0.7)
    assert np.allclose(features.wind_frame(vectors), features.wind_frame(turned))
    assert len(features.NAMES) == vectors.shape[1]


def test_recent_past_stays_within_its_run():
    """Averages and lags never reach into another drifter's track."""
    values = np.array([1, 2, 3, 100, 200], dtype=complex)
    first = np.array([0, 0, 0, 3, 3])
    assert np.allclose(features.trailing_mean(values, 2, first), [1, 1.5, 2.5, 100, 150])
    assert np.allclose(features.past(values, 2, first), [1, 1, 1, 100, 100])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """File, training record and tracks of a forecaster."""
    folder = tmp_path_factory.mktemp("trained")
    written(folder / "tracks", drifter_table(extra=ekman, seed=5))
    record = train_forecaster(folder / "tracks", folder / "model.skops", SMALL)
    return folder / "model.skops", record, load_tracks(folder / "tracks")


def sea_at(lon, lat):
    return analytic_forcing(
        lambda h, X, _Y: (0.2 + 0 * X, 0.1 * np.sin(h / 4) + 0 * X), lat + np.linspace(-0.5, 0.5, 6),
        lon + np.linspace(-0.5, 0.5, 6), np.arange(60), wind=lambda h, X, Y: (5.0 + 0 * X, np.sin(h / 9) + 0 * X),  # noqa: ARG005
    )  # fmt: skip


def test_what_is_written_is_what_is_read(trained):
    """A stored forecaster gives the corrections of the one in memory; the sidecar says where it may be used."""
    file, record, tracks = trained
    model = load_forecaster(file)
    again = fit(tracks, everywhere(tracks), SMALL)
    assert np.allclose(model.along(tracks), again.along(tracks))
    assert np.allclose(model.doubt.scale, again.doubt.scale)
    assert model.stokes_factor == again.stokes_factor
    assert file.with_suffix(".json").is_file()
    assert record["domain"]["box"] == model.domain["box"]


def test_field_and_points_agree(trained):
    """The corrected cube holds at every node what the point formula gives there."""
    model = load_forecaster(trained[0])
    sea = sea_at(-40, 40)
    corrected, notes = model.correct(sea)
    assert "corrected by the learned residual" in notes[0]
    vectors, _ = field_vectors(sea)
    expected = model.correction(vectors[:, 2, 3])
    change = (corrected - sea).isel(lat=2, lon=3)
    assert np.allclose(change[names.EASTWARD_CURRENT], expected.real, atol=1e-9)
    assert np.allclose(change[names.NORTHWARD_CURRENT], expected.imag, atol=1e-9)
    assert np.abs(expected).max() > 0.01


def test_strips_give_the_cube_of_the_whole(trained):
    """Cut into strips of any height, features, shear and distance to the coast are those of the whole cube."""
    sea = sea_at(-40, 40)
    sea[names.EASTWARD_CURRENT][:, 2, 3] = np.nan
    whole, wet = field_vectors(sea)
    row = sea.sizes["time"] * sea.sizes["lon"]
    extras = ("shear", "coast", "class")
    (one,) = strips(sea, extras, 0.02, together=6 * row)
    for together in (1, 2 * row, 4 * row):
        parts = list(strips(sea, extras, 0.02, together=together))
        assert len(parts) > 1
        assert np.array_equal(np.concatenate([p.vectors for p in parts], axis=1), whole)
        assert (np.concatenate([p.wet for p in parts], axis=1) == wet).all()
        assert np.allclose(np.concatenate([p.extras for p in parts], axis=1), one.extras, equal_nan=True, rtol=1e-9)
    assert np.isfinite(one.extras[wet][:, 1:]).all()


def sheared(seed, drifters=12):
    """Drifters that the shear beside their track slows by a share of the current: no vector shows it."""
    rng = np.random.default_rng(seed)
    shear = rng.choice([1e-6, 4e-5], size=(drifters, 1)) * np.ones((drifters, 140))
    table = drifter_table(
        drifters=drifters, seed=seed, noise=0.02, extra=lambda c, _w, _h: np.where(shear > 1e-5, -0.6, 0.0) * c
    )
    return table.assign(shear=shear.ravel())


def test_extras_are_taken_where_later_days_gain_from_them(tmp_path):
    """Shear that explains the residual is taken, noise beside the track is not; off as shipped."""
    wanted = SMALL.forecaster.model_copy(update={"extras": ("shear", "depth", "class"), "trees": 10})
    room = SMALL.model_copy(update={"forecaster": wanted})
    table = sheared(7)
    tracks = load_tracks(written(tmp_path / "shear", table))
    model = fit(tracks, everywhere(tracks), room)
    assert model.extras == ("shear",)
    assert fit(tracks, everywhere(tracks), SMALL).extras == ()
    other = load_tracks(written(tmp_path / "other", sheared(8)))
    plain = fit(tracks, everywhere(tracks), SMALL)
    seen, blind = (np.abs(m.along(other) - other.observed).mean() for m in (model, plain))
    assert seen < 0.95 * blind
    model.save(tmp_path / "m.skops")
    assert np.allclose(load_forecaster(tmp_path / "m.skops").along(other), model.along(other))
    noise = np.random.default_rng(9).random(len(table)) * 1e-5
    tracks = load_tracks(written(tmp_path / "noise", table.assign(shear=noise)))
    assert fit(tracks, everywhere(tracks), room).extras == ()


def test_shear_and_distance_to_the_coast_of_a_field():
    """A current that grows northwards by 1e-5 a second has that shear; the coast is as far as its nodes."""
    lat, lon = np.arange(0.0, 1.0, 0.1), np.arange(0.0, 1.0, 0.1)
    grown = 1e-5 * 110574.0 * np.broadcast_to(lat[:, None], (10, 10)) + 0j
    assert np.allclose(shear(grown, lat, lon), 1e-5, rtol=1e-3)
    wet = np.ones((10, 10), dtype=bool)
    assert np.isnan(coast_km(wet, lat, lon)).all()
    wet[:, 0] = False
    assert coast_km(wet, lat, lon)[3, 4] == pytest.approx(44.5, abs=0.2)


def test_outside_its_domain_it_falls_back_and_says_so(trained):
    """Another sea, no wind, or speeds never seen: the forcing comes back as it was, with the reason."""
    model = load_forecaster(trained[0])
    for sea, word in (
        (sea_at(-87, 16), "outside"), (sea_at(-40, 40).drop_vars(list(names_of_wind())), "no wind"),
        (storm(sea_at(-40, 40)), "outside the speeds"),
    ):  # fmt: skip
        corrected, notes = model.correct(sea)
        assert corrected.identical(sea)
        assert "plain physics" in notes[0]
        assert word in notes[0]


def names_of_wind():
    return names.EASTWARD_WIND, names.NORTHWARD_WIND


def storm(sea):
    sea = sea.copy(deep=True)
    sea[names.EASTWARD_WIND] = sea[names.EASTWARD_WIND] * 12
    return sea


def test_forecast_says_which_forecaster_it_used(trained, density_map, eddies):
    """Outside its domain the ensemble runs on physics and the plan's reader is told."""
    settings = DriftSettings(members=2, particles_per_member=50)
    density, _ = forecast(density_map, eddies, issue_time="2025-06-10T06:00:00Z", horizon_h=2, settings=settings,
                          forecaster=load_forecaster(trained[0]))  # fmt: skip
    assert "plain physics instead" in density.attrs["degraded"]


def test_a_pickle_and_a_torn_file_are_refused(trained, tmp_path):
    """Nothing is unpickled; a damaged file is named."""
    bad = tmp_path / "bad.skops"
    bad.write_bytes(pickle.dumps({"format": 1}))
    with pytest.raises(InputError, match=r"bad\.skops"):
        load_forecaster(bad)
    torn = tmp_path / "torn.skops"
    torn.write_bytes(trained[0].read_bytes()[:1000])
    with pytest.raises(InputError, match=r"torn\.skops"):
        load_forecaster(torn)
    with pytest.raises(MissingDataError, match="no such file"):
        load_forecaster(tmp_path / "absent.skops")


def test_outside_its_domain_tracks_keep_plain_physics(trained, tmp_path):
    """Rows elsewhere get no learned correction and the reader is told; so with products of another name."""
    model = load_forecaster(trained[0])
    away = drifter_table(drifters=3, extra=ekman, seed=6, products=("other",))
    away["lat"] += 8.0
    tracks = load_tracks(written(tmp_path / "away", away))
    assert (model.along_known_waters(tracks) == 0).all()
    said = " ".join(model.strangeness(tracks))
    assert "100% of the rows" in said
    assert "other current products" in said
    home = trained[2]
    assert model.strangeness(home) == [] or "outside" in model.strangeness(home)[0]
    assert np.abs(model.along_known_waters(home)).mean() > 0.01
    scored, ships = (evaluate_drift(tmp_path / "away", m, settings=SMALL) for m in (trained[0], None))
    for name in ("separation_mean_km", "coverage_90", "area_90_km2"):
        assert scored[name] == ships[name]
    assert any("plain physics" in note for note in scored["notes"])
