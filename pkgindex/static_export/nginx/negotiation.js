// Which form and coding of a page a client gets, as in pkgindex/index/negotiation.py and encodings.py.

import folder from 'folder.js';

// Best first where a client likes several equally.
const OFFERS = [
    ['text/html', 'html'],
    ['application/vnd.pypi.simple.v1+json', 'v1json'],
    ['application/vnd.pypi.simple.v1+html', 'v1html'],
    ['application/vnd.pypi.simple.latest+json', 'v1json'],
    ['application/vnd.pypi.simple.latest+html', 'v1html'],
];

function chooseForm(r) {
    const match = `&${r.variables.args || ''}`.match(/.*&format=([^&]+)/);
    if (match) {
        const asked = decode(match[1]).replace(/ /g, '+');
        const offer = OFFERS.find(offer => offer[0] == asked);
        return offer && offer[1];
    }
    const accept = r.headersIn.Accept;
    if (!accept) {
        return 'html';
    }
    const ranges = accept.split(',').map(readRange);
    let best, bestQuality = 0;
    OFFERS.forEach(offer => {
        const quality = qualityOf(offer[0], ranges);
        if (quality > bestQuality) {
            best = offer[1];
            bestQuality = quality;
        }
    });
    return best;
}

function decode(text) {
    try {
        return decodeURIComponent(text);
    } catch (error) {
        return text;  // a stray "%", which is in no name of a form
    }
}

function readRange(part) {
    const pieces = part.split(';').map(piece => piece.trim().toLowerCase());
    const named = pieces.slice(1).find(piece => /^q\s*=/.test(piece));
    return {pattern: pieces[0], quality: named ? readQuality(named.split('=')[1]) : 1};
}

function readQuality(text) {
    const quality = Number(text);
    return quality >= 0 ? Math.min(quality, 1) : 0;
}

// That of the range which means the offer most exactly (RFC 9110, 12.5.1).
function qualityOf(offer, ranges) {
    const patterns = [offer, `${offer.split('/')[0]}/*`, '*/*'];
    for (let i = 0; i < patterns.length; i++) {
        const meant = ranges.filter(range => range.pattern == patterns[i]);
        if (meant.length) {
            return Math.max.apply(null, meant.map(range => range.quality));
        }
    }
    return 0;
}

function chooseCoding(header) {
    const qualities = {};
    header.toLowerCase().split(',').forEach(part => {
        const pieces = part.split(';');
        const value = (pieces[1] || '').split('=')[1];
        qualities[pieces[0].trim()] = readQuality((value || '').trim() || '1');
    });
    const rated = coding => folder.own(qualities, coding) === undefined
        ? (qualities['*'] || 0) : qualities[coding];
    const best = rated('zstd') > 0 && rated('zstd') >= rated('gzip') && folder.hasZstd() ? 'zstd' : 'gzip';
    return rated(best) > 0 && rated(best) >= (qualities.identity || 0) ? best : 'identity';
}

export default {OFFERS, chooseCoding, chooseForm};
