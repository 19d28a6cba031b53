"""The table of sources: everything that the shipped weights learnt from, but sound fonts.

Sizes and checksums are those of the folders that the weights were trained on. `sums` is the SHA-256
of the list that `checksums.sums_of` makes of a folder: it stands for each of its files.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A folder of data.

    Attributes:
        name: of the folder, as the commands look for it below theirs.
        what: in a few words. licence: its name; terms: where it can be read.
        credit: whom to name.
        where: how a person gets it where no mirror has it. No address serves these folders as they
            are: they are exports and edits of what lies there.
        files, size: how many, and bytes. sums: see above.
    """

    name: str
    what: str
    licence: str
    terms: str
    credit: str
    where: str
    files: int
    size: int
    sums: str


_ODBL = "https://opendatacommons.org/licenses/odbl/1-0/"
_CC_BY = "https://creativecommons.org/licenses/by/4.0/"
_CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
_JAZZOMAT = "The Jazzomat Research Project, Liszt School of Music Weimar, jazzomat.hfm-weimar.de"

SOURCES = (
    Source(
        "weimar_sax",
        "228 transcribed saxophone solos (Weimar Jazz Database)",
        "ODbL-1.0",
        _ODBL,
        _JAZZOMAT,
        "export solos, notes and beats of the database at https://jazzomat.hfm-weimar.de as "
        "solos.csv, notes.csv.gz and beats.csv.gz",
        4,
        4942959,
        "dc9ef01a9875754a341af8f9ca193caacca52231fc26cdfde032ba7d92db4e94",
    ),
    Source(
        "weimar_other",
        "167 solos of other instruments (Weimar Jazz Database)",
        "ODbL-1.0",
        _ODBL,
        _JAZZOMAT,
        "export them from the R package https://github.com/klausfrieler/jazzodata, in the same "
        "three files",
        4,
        1501788,
        "7b01feb41efbcf1ddf2ad6fb7b928454583f8be9d8cf51bd297c1e9516ad8007",
    ),
    Source(
        "parker_omnibook",
        "56 solos of Charlie Parker (Omnibook)",
        "MIT",
        "https://github.com/klausfrieler/jazzodata",
        "encoded by the Jazzomat Research Project; R package jazzodata, Klaus Frieler and others",
        "export them from the R package https://github.com/klausfrieler/jazzodata, in the same "
        "three files",
        3,
        320016,
        "24a0ee566fa068d9deed834467bbe194a8e48e96a4b1ebb57cf924e4a5e8a469",
    ),
    Source(
        "chord_charts",
        "chord changes of jazz standards (iRealPro)",
        "MIT",
        "https://github.com/klausfrieler/parkR",
        "R package parkR, Klaus Frieler",
        "export the changes of the R package https://github.com/klausfrieler/parkR as "
        "irealpro_changes.csv.gz",
        2,
        204775,
        "a7b20f20949b2079b2412fe67993fac30ac82067a505145250f0227115e2fd8d",
    ),
    Source(
        "mtg_solo_sax",
        "samples of four saxophones (MTG)",
        "CC-BY-4.0",
        _CC_BY,
        "Music Technology Group, Universitat Pompeu Fabra, on freesound.org; SFZ by kinwie",
        "unpack https://github.com/sfzinstruments/mtg-solo-saxophones",
        784,
        110931713,
        "002b724c6abaf5be96acafcc00b524ca4e3d4123ad2111953b358a08866dc142",
    ),
    Source(
        "meatbass_pizz",
        "samples of a plucked double bass (Meatbass)",
        "CC0-1.0",
        _CC0,
        "Drogomir Smolken, recorded by Ludwik Zamenhof; Karoryfer Lecolds",
        "take Samples/pizz and Programs of https://github.com/sfzinstruments/karoryfer.meatbass, "
        "as 16 bit",
        278,
        11132970,
        "4c2cf027b1b64145ac363ad3d53fb19b53827f70743db851e1ddad08c8cb509d",
    ),
    Source(
        "band",
        "a sampled band of thirteen instruments",
        "CC0-1.0 and public domain",
        _CC0,
        "Karoryfer Samples, D. Smolken; University of Iowa; Versilian Studios; FreePats; AKAI: see "
        "NOTICE and each folder's LICENSE.txt",
        "the instruments named in NOTICE, tuned and looped anew; nobody is known to serve them so",
        1522,
        63287489,
        "41a488a2804c32a8e310a303e4d899348c9748a4c2bc9f888bb8fa9fd11ed234",
    ),
)
BY_NAME = {source.name: source for source in SOURCES}
