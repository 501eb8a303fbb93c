"""Answers in the shape of each source, made by hand: every field that a source sends, with values of our own."""

from typing import Any

M20 = "https://mars.nasa.gov/mars2020-raw-images/pub/ods/surface/sol/00123/ids/edr/browse/ncam"
MSL = "http://mars.jpl.nasa.gov/msl-raw-images/proj/msl/redops/ods/surface/sol/00123/opgs/edr/ncam"


def v1_photo(number: int, sol: int = 123) -> dict[str, Any]:
    name = f"NLF_0123_06778{number:05d}_111ECM_N0040218NCAM00503_01_295J01_1200.jpg"
    return {
        "id": number,
        "sol": sol,
        "camera": {"id": 38, "name": "NAVCAM_LEFT", "rover_id": 8, "full_name": "Navigation Camera - Left"},
        "img_src": f"{M20}/{name}",
        "earth_date": "2021-06-24",
        "rover": {"id": 8, "name": "Perseverance", "landing_date": "2021-02-18", "status": "active"},
    }


def m20_image(number: int, sol: int = 123) -> dict[str, Any]:
    stem = f"NLF_0123_06778{number:05d}_111ECM_N0040218NCAM00503_01_295J01"
    return {
        "imageid": stem[:-2],
        "sol": sol,
        "title": "Mars Perseverance Sol 123: Left Navigation Camera (Navcam) ",
        "caption": "A rover saw a rock.",
        "credit": "NASA/JPL-Caltech",
        "attitude": "(0.6,0.0,0.0,-0.7)",
        "link": "https://example.org/link",
        "json_link": "https://example.org/json",
        "site": 4,
        "drive": "218",
        "sample_type": "Full",
        "date_taken_utc": "2021-06-24T10:11:12.345",
        "date_taken_mars": "Sol-00123M15:26:09.623",
        "date_received": "2021-06-25T01:02:03Z",
        "camera": {
            "instrument": "NAVCAM_LEFT",
            "filter_name": "UNK",
            "camera_vector": "(0.0,0.0,-0.9)",
            "camera_position": "(1.0,0.5,-2.0)",
            "camera_model_type": "CAHVORE",
            "camera_model_component_list": "(1.0,0.5,-2.0);2.0;0.0",
        },
        "extended": {
            "mastAz": "91.75",
            "mastEl": "UNK",
            "sclk": f"6778{number:05d}.752",
            "scaleFactor": "4",
            "xyz": "(0.0,0.0,0.0)",
            "subframeRect": "(1,1,5120,3840)",
            "dimension": "(1280,960)",
        },
        "image_files": {
            "small": f"{M20}/{stem}_320.jpg",
            "medium": f"{M20}/{stem}_800.jpg",
            "large": f"{M20}/{stem}_1200.jpg",
            "full_res": f"{M20}/{stem}.png",
        },
    }


def m20_page(images: list[Any], total: int | None = None) -> dict[str, Any]:
    return {
        "images": images,
        "per_page": "100",
        "total_results": len(images) if total is None else total,
        "page": 0,
        "mission": "mars2020",
        "total_images": 600_000,
        "type": "mars2020-images-list-1.1",
    }


M20_END = {
    "images": [],
    "per_page": "100",
    "error_message": "No more images.",
    "total_results": 0,
    "type": "mars2020-images-list-1.1",
    "page": 1,
}


def msl_item(number: int, sol: int = 123, sample_type: str = "full") -> dict[str, Any]:
    stem = f"NLA_40514{number:04d}EDR_F0050104NCAM00534M_"
    return {
        "id": number,
        "camera_vector": "(-0.7,0.1,-0.5)",
        "site": 5,
        "imageid": stem,
        "subframe_rect": "(1,1,1024,1024)",
        "sol": sol,
        "scale_factor": 1,
        "camera_model_component_list": "(0.7,0.7,-2.0)",
        "instrument": "NAV_LEFT_A",
        "url": f"{MSL}/{stem}.JPG",
        "spacecraft_clock": 405140000.5 + number,
        "attitude": "(0.7,0.0,0.0,-0.6)",
        "camera_position": "(0.7,0.7,-2.0)",
        "camera_model_type": "CAHVOR",
        "drive": 104,
        "xyz": "(1.3,0.1,-0.0)",
        "created_at": "2019-07-29T23:24:24.304Z",
        "updated_at": "2019-09-05T23:20:07.821Z",
        "mission": "msl",
        "extended": {
            "lmst": "Sol-00123M16:17:07.006",
            "bucket": "msl-raws",
            "mast_az": "172.5",
            "mast_el": "36.25",
            "url_list": "",
            "contributor": "Team MSLICE",
            "filter_name": None,
            "sample_type": sample_type,
        },
        "date_taken": "2012-12-10T15:18:29.000Z",
        "date_received": "2012-12-11T09:37:03.000Z",
        "instrument_sort": 7,
        "sample_type_sort": 1,
        "is_thumbnail": sample_type == "thumbnail",
        "title": "Sol 123: Left Navigation Camera",
        "description": "This image was taken on Sol 123.",
        "link": "/raw_images/1",
        "image_credit": "NASA/JPL-Caltech",
        "https_url": f"{MSL}/{stem}.JPG".replace("http:", "https:"),
    }


def msl_page(items: list[Any], total: int | None = None) -> dict[str, Any]:
    total = len(items) if total is None else total
    return {"items": items, "more": total > len(items), "total": total, "page": 0, "per_page": 200}


def v2_photo(number: int, sol: int = 123, nested: bool = True) -> dict[str, Any]:
    stem = f"NLF_0123_06778{number:05d}_111ECM_N0040218NCAM00503_01_295J01"
    attributes: dict[str, Any] = {
        "sol": sol,
        "earth_date": "2021-06-24",
        "date_taken_utc": "2021-06-24T10:11:12.345Z",
        "date_taken_mars": "Sol-00123M15:26:09.623",
        "sample_type": "Full",
        "title": "A title",
        "caption": "A caption",
        "credit": "NASA/JPL-Caltech",
    }
    if nested:
        attributes |= {
            "nasa_id": stem[:-2],
            "images": {
                "small": f"{M20}/{stem}_320.jpg",
                "medium": f"{M20}/{stem}_800.jpg",
                "large": f"{M20}/{stem}_1200.jpg",
                "full": f"{M20}/{stem}.png",
            },
            "dimensions": {"width": 1280, "height": 960},
            "location": {"site": 4, "drive": 218, "coordinates": {"x": 0.0, "y": 0.0, "z": 0.0}},
            "telemetry": {"mast_azimuth": 91.75, "mast_elevation": None, "spacecraft_clock": 677800000.5},
            "img_src": f"{M20}/{stem}_1200.jpg",
        }
    else:
        attributes |= {
            "img_src_small": f"{M20}/{stem}_320.jpg",
            "img_src_large": f"{M20}/{stem}_1200.jpg",
            "width": 1280,
            "height": 960,
            "site": 4,
            "drive": 218,
            "mast_az": 91.75,
        }
    camera = {"id": "NAVCAM_LEFT", "type": "camera", "attributes": {"full_name": "Navigation Camera - Left"}}
    relationships = {"rover": {"id": "perseverance", "type": "rover"}, "camera": camera}
    return {"id": number, "type": "photo", "attributes": attributes, "relationships": relationships}


def v2_page(photos: list[Any], total: int | None = None) -> dict[str, Any]:
    total = len(photos) if total is None else total
    return {
        "data": photos,
        "meta": {"total_count": total, "returned_count": len(photos)},
        "pagination": {"page": 1, "per_page": 100, "total_pages": -(-total // 100)},
    }


def waypoint(sol: int) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "RMC": f"4_{sol}",
            "site": 4,
            "drive": sol,
            "sol": sol,
            "easting": 4354494.0,
            "northing": 1093299.0,
            "elev_geoid": -2569.9,
            "lon": 77.45,
            "lat": 18.44,
            "roll": 1.5,
            "pitch": -0.5,
            "yaw": 130.0,
            "yaw_rad": 2.2,
            "tilt": 1.2,
            "dist_m": 6.25,
            "dist_total_m": 100.5,
            "final": "y",
            "Note": "End-of-drive localization",
        },
        "geometry": {"type": "Point", "coordinates": [77.45, 18.44, -2569.9]},
    }


def drive(sol: int) -> dict[str, Any]:
    properties = {"sol": sol, "fromRMC": "3_0", "toRMC": "3_110", "length": 6.25, "SCLK_START": 1, "SCLK_END": 2}
    line = {"type": "LineString", "coordinates": [[77.45, 18.44, -2569.9], [77.46, 18.44, -2569.9]]}
    return {"type": "Feature", "properties": properties, "geometry": line}
