// Answers from the folder that `manage.py export_index` writes, under nginx's JavaScript module.
// What is where says pkgindex/static_export/content.py; which status who gets, pkgindex/index/app.py.
// Every sentence and every page was finished by the export. Written for njs 0.7.9 (Debian 12).

import crypto from 'crypto';
import fs from 'fs';

const FRESH = {
    'Cache-Control': 'private, no-cache',
    'Vary': 'Accept, Authorization, Accept-Encoding',
};
const FOREVER = {'Cache-Control': 'private, max-age=31536000, immutable', 'Vary': 'Authorization'};
const NO_SNIFFING = {'X-Content-Type-Options': 'nosniff'};
const SANDBOX = {'Content-Security-Policy': "sandbox; default-src 'none'"};
const CHALLENGE = {'WWW-Authenticate': 'Basic realm="package index", charset="UTF-8"'};

const TYPES = {
    metadata: 'text/plain; charset=utf-8',
    provenance: 'application/vnd.pypi.integrity.v1+json',
};
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const MALFORMED = 'The key is malformed: a character is wrong or missing';
const OTHER_KINDS = {
    ls: 'This key leases threads; the index wants one of the other kind',
    up: 'This key uploads; the index wants one of the other kind',
};

// Best first where a client likes several equally (pkgindex/index/negotiation.py).
const OFFERS = [
    ['text/html', 'html'],
    ['application/vnd.pypi.simple.v1+json', 'v1json'],
    ['application/vnd.pypi.simple.v1+html', 'v1html'],
    ['application/vnd.pypi.simple.latest+json', 'v1json'],
    ['application/vnd.pypi.simple.latest+html', 'v1html'],
];
const CODINGS = ['zstd', 'gzip'];

// ------------------------------------------------------------------------------- the doors

function answer(r) {
    if (r.method != 'GET' && r.method != 'HEAD') {
        return refuse(r, 405, 'The index only answers GET and HEAD', {Allow: 'GET, HEAD'});
    }
    try {
        const found = identify(r);
        if (found.wrong) {
            return refuse(r, 401, found.wrong, CHALLENGE);
        }
        route(r, found.reader);
    } catch (error) {
        r.error(`${r.uri}: ${error}`);
        busy(r);
    }
}

function busy(r) {
    refuse(r, 503, 'The index is busy, try again', {'Retry-After': '5'});
}

function unreadable(r) {
    refuse(r, 503, 'This file cannot be read now, try again', {'Retry-After': '5'});
}

function tooOften(r) {
    const why = identify(r).wrong || 'The key is wrong';
    refuse(r, 429, `${why}; too often, try again in a few minutes`, {'Retry-After': '1'});
}

// What limit_req counts: the address of whoever sends a wrong key, and nothing for all others.
function failing(r) {
    if (!r.headersIn.Authorization) {
        return '';
    }
    try {
        // Of IPv6 a whole /64 is one client.
        return identify(r).wrong ? addressOf(r).slice(0, 16) : '';
    } catch (error) {
        return '';  // the answer will be 503
    }
}

function route(r, reader) {
    let match = r.uri.match(/^\/simple\/([^\/]+)(\/?)$/);
    if (match) {
        return named(r, reader, match[1], match[2] == '/', '/simple/', '/');
    }
    match = r.uri.match(
        /^\/files\/([0-9a-f]{16})\/(?:[A-Za-z0-9.-]+\/)?([A-Za-z0-9][A-Za-z0-9._+!-]*?)(\.metadata)?$/);
    if (match) {
        return file(r, reader, match[1], match[2], match[3] ? 'metadata' : 'whole');
    }
    match = r.uri.match(/^\/integrity\/([^\/]+)\/([^\/]+)\/([^\/]+)\/provenance$/);
    if (match) {
        return provenance(r, reader, match[1], match[2], match[3]);
    }
    if (r.uri == '/simple/') {
        return simplePage(r, reader.root);
    }
    if (r.uri == '/simple') {
        return move(r, '/simple/');
    }
    match = r.uri.match(/^\/pypi\/([^\/]+)\/json(\/?)$/);
    if (match) {
        return named(r, reader, match[1], match[2] == '', '/pypi/', '/json');
    }
    notFound(r);
}

function named(r, reader, name, isExact, before, after) {
    if (!/^([a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9])$/i.test(name)) {
        return notFound(r);
    }
    const normalized = name.replace(/[-_.]+/g, '-').toLowerCase();
    if (name != normalized || !isExact) {
        return move(r, before + normalized + after);
    }
    const coverage = own(reader.projects, name);
    if (coverage === undefined) {
        return foreignName(r, reader, name, before == '/simple/');
    }
    if (coverage === null) {
        return needsKey(r);
    }
    const pages = read(`coverages/${coverage}.json`);
    if (before == '/simple/') {
        return simplePage(r, pages.simple);
    }
    page(r, pages.legacy);
}

function foreignName(r, reader, name, maybePassedOn) {
    const catalog = read('catalog.json');
    if (isReserved(catalog.reserved, name)) {
        return reader.isAnybody
            ? needsKey(r) : refuse(r, 402, `Nothing is published under ${name} yet`, {});
    }
    if (catalog.upstream && maybePassedOn) {
        const where = `${catalog.upstream}/${name}/`;
        return refuse(r, 307, 'Temporary Redirect', {Location: where});
    }
    notFound(r);
}

// Whether the owner reserved the name, or a prefix of it up to a hyphen.
function isReserved(reserved, name) {
    if (own(reserved, name) !== undefined) {
        return true;
    }
    for (let end = name.indexOf('-'); end > 0; end = name.indexOf('-', end + 1)) {
        if (own(reserved, name.slice(0, end)) === true) {
            return true;
        }
    }
    return false;
}

// ------------------------------------------------------------------------- pages and files

function simplePage(r, forms) {
    const form = chooseForm(r);
    if (!form) {
        const spoken = OFFERS.map(offer => offer[0]).join(', ');
        return refuse(r, 406, `The index speaks ${spoken}`, {});
    }
    page(r, forms[form]);
}

function page(r, codings) {
    let coding = chooseCoding(r.headersIn['Accept-Encoding'] || '');
    if (!codings[coding]) {
        coding = 'identity';
    }
    const tag = `"${codings[coding].split('.')[0]}"`;
    if (isKnown(r, tag)) {
        return say(r, 304, '', [{ETag: tag}, FRESH, NO_SNIFFING, SANDBOX]);
    }
    r.internalRedirect(`/-pages/${coding}/${codings[coding]}`);
}

function file(r, reader, digest, filename, part) {
    const facts = readIfThere(`files/${filename}.json`);
    if (!facts || !facts.whole[0].startsWith(digest) || !facts[part]) {
        return notFound(r);
    }
    ifCovered(r, reader, facts, filename, part);
}

function provenance(r, reader, project, version, filename) {
    const isName = /^[A-Za-z0-9][A-Za-z0-9._+!-]*$/.test(filename);
    const facts = isName && readIfThere(`files/${filename}.json`);
    if (!facts || !facts.provenance || facts.project != project || facts.version != version) {
        return notFound(r);
    }
    ifCovered(r, reader, facts, filename, 'provenance');
}

// A file or what lies beside it, if its reader may have the file.
function ifCovered(r, reader, facts, filename, part) {
    const name = own(reader.projects, facts.project);
    if (name === null) {
        return needsKey(r);
    }
    const coverage = read(`coverages/${name}.json`);
    if (coverage.quarantine) {
        return refuse(r, 403, coverage.quarantine, {});
    }
    const sentences = Object.keys(coverage.refused);
    for (let i = 0; i < sentences.length; i++) {
        if (coverage.refused[sentences[i]].includes(filename)) {
            return refuse(r, 402, sentences[i], {});
        }
    }
    const beside = {
        whole: '',
        metadata: '.metadata',
        provenance: `.${facts[part][0].slice(0, 16)}.provenance`,
    };
    send(r, facts.path + beside[part], facts[part][0], facts[part][1]);
}

function send(r, path, sha256, size) {
    const tag = `"${sha256}"`;
    const headers = [{ETag: tag, 'Accept-Ranges': 'bytes'}, FOREVER, NO_SNIFFING, SANDBOX];
    if (isKnown(r, tag)) {
        return say(r, 304, '', headers);
    }
    const asked = askedPart(r, tag, size);
    if (asked == 'nothing') {
        const kind = TYPES[path.split('.').pop()] || 'application/octet-stream';
        headers.push({'Content-Type': kind, 'Content-Range': `bytes */${size}`});
        return say(r, 416, '', headers);
    }
    r.internalRedirect(`/-${asked}/${sha256}/${path}`);
}

// "range", "nothing" if it lies outside, or "whole": for several ranges and for what cannot be
// read, too (RFC 9110, 14.2).
function askedPart(r, tag, size) {
    const range = r.headersIn.Range, ifRange = r.headersIn['If-Range'];
    if (r.method != 'GET' || !range || (ifRange !== undefined && ifRange.trim() != tag)) {
        return 'whole';
    }
    const match = range.trim().toLowerCase().match(/^bytes=([0-9]{0,18})-([0-9]{0,18})$/);
    if (!match || (!match[1] && !match[2])) {
        return 'whole';
    }
    if (!match[1]) {
        return Number(match[2]) && size ? 'range' : 'nothing';
    }
    if (match[2] && Number(match[2]) < Number(match[1])) {
        return 'whole';
    }
    return Number(match[1]) < size ? 'range' : 'nothing';
}

function isKnown(r, tag) {
    const known = r.headersIn['If-None-Match'];
    if (known === undefined) {
        return false;
    }
    const tags = known.split(',').map(item => item.trim().replace(/^W\//, ''));
    return tags.includes(tag) || tags.includes('*');
}

// ---------------------------------------------------------------------------- negotiation

function chooseForm(r) {
    const match = `&${r.variables.args || ''}`.match(/.*&format=([^&]+)/);
    if (match) {
        const asked = decodeURIComponent(match[1]).replace(/ /g, '+');
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
    const rated = coding => own(qualities, coding) === undefined
        ? (qualities['*'] || 0) : qualities[coding];
    const best = rated('zstd') > 0 && rated('zstd') >= rated('gzip') && hasZstd() ? 'zstd' : 'gzip';
    return rated(best) > 0 && rated(best) >= (qualities.identity || 0) ? best : 'identity';
}

function hasZstd() {
    try {
        fs.accessSync(`${ROOT}/pages/zstd`);
        return true;
    } catch (error) {
        return false;
    }
}

// ------------------------------------------------------------------------------- who it is

// {reader} or {wrong}, which says why the key opens no door.
function identify(r) {
    const header = r.headersIn.Authorization;
    if (header === undefined) {
        const anybody = read('readers/anybody.json');
        anybody.isAnybody = true;
        return {reader: anybody};
    }
    const token = readToken(header);
    if (token.wrong) {
        return token;
    }
    const kind = kindOf(token.text);
    if (kind != 'ix') {
        return {wrong: OTHER_KINDS[kind] || MALFORMED};
    }
    const digest = crypto.createHash('sha256').update(token.text).digest('hex');
    const key = readIfThere(`keys/${digest.slice(0, 2)}/${digest}.json`);
    if (!key) {
        return {wrong: 'The key is unknown'};
    }
    if (!key.reader || (key.until !== null && key.until <= Date.now() * 1000)) {
        return {wrong: key.ended || 'The key is unknown'};
    }
    const reader = read(`readers/${key.reader}.json`);
    if (reader.networks && !isInNetworks(addressOf(r), reader.networks)) {
        return {wrong: reader.elsewhere};
    }
    return {reader: reader};
}

// The password of HTTP Basic (RFC 7617), or the user name where there is no password.
function readToken(header) {
    const match = header.trim().match(/^(\S+)\s*(.*)$/);
    if (!match || match[1].toLowerCase() != 'basic') {
        return {wrong: 'The header Authorization is not Basic'};
    }
    const text = decode(match[2].trim());
    if (text === null) {
        return {wrong: 'User name and password are not base64 of UTF-8'};
    }
    const colon = text.indexOf(':');
    if (colon < 0) {
        return {wrong: 'There is no colon between user name and password'};
    }
    return {text: text.slice(colon + 1) || text.slice(0, colon)};
}

function decode(encoded) {
    if (encoded.length % 4 || !/^[A-Za-z0-9+\/]*={0,2}$/.test(encoded)) {
        return null;
    }
    const text = Buffer.from(encoded, 'base64').toString();
    return text.includes('\ufffd') ? null : text;
}

// "ix", "ls" or "up"; undefined if a character is wrong or missing (lib/tokens.py).
function kindOf(token) {
    const match = token.match(/^([^_]*_(ix|ls|up)_[\x21-\x7e]{30})([0-9A-Za-z]{6})$/);
    return match && checksum(match[1]) == match[3] ? match[2] : undefined;
}

// CRC-32 as six digits of base 62.
function checksum(text) {
    let crc = -1;
    for (let i = 0; i < text.length; i++) {
        crc ^= text.charCodeAt(i);
        for (let bit = 0; bit < 8; bit++) {
            crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
        }
    }
    let number = (crc ^ -1) >>> 0, digits = '';
    for (let i = 0; i < 6; i++) {
        digits = ALPHABET[number % 62] + digits;
        number = Math.floor(number / 62);
    }
    return digits;
}

// In hexadecimal; an address of IPv4 behind a dual-stack listener is one of IPv4.
function addressOf(r) {
    const address = r.rawVariables.binary_remote_addr.toString('hex');
    return address.replace(/^0{20}ffff(?=.{8}$)/, '');
}

function isInNetworks(address, networks) {
    return networks.some(network => {
        const whole = network[1] >> 2, rest = network[1] & 3;
        if (network[0].length != address.length) {
            return false;
        }
        if (network[0].slice(0, whole) != address.slice(0, whole)) {
            return false;
        }
        const ours = parseInt(network[0][whole], 16), theirs = parseInt(address[whole], 16);
        return !rest || ours >> (4 - rest) == theirs >> (4 - rest);
    });
}

// ------------------------------------------------------------------------------ the floor

const ROOT = '/srv/index';

function read(path) {
    return JSON.parse(fs.readFileSync(`${ROOT}/${path}`));
}

function readIfThere(path) {
    try {
        return read(path);
    } catch (error) {
        if (error.code == 'ENOENT' || error.code == 'ENAMETOOLONG') {
            return null;
        }
        throw error;
    }
}

// Of an object that was read: a name from outside may be "constructor".
function own(object, name) {
    return Object.prototype.hasOwnProperty.call(object, name) ? object[name] : undefined;
}

function needsKey(r) {
    refuse(r, 401, read('catalog.json').needs_key, CHALLENGE);
}

function notFound(r) {
    refuse(r, 404, 'Not Found', {});
}

function move(r, path) {
    const args = r.variables.args;
    refuse(r, 301, 'Moved Permanently', {Location: args ? `${path}?${args}` : path});
}

function refuse(r, status, sentence, headers) {
    const kind = {'Content-Type': 'text/plain; charset=utf-8'};
    say(r, status, `${sentence}\n`, [kind, NO_SNIFFING, FRESH, headers]);
}

function say(r, status, body, groups) {
    r.status = status;
    groups.forEach(headers => {
        Object.keys(headers).forEach(name => { r.headersOut[name] = headers[name]; });
    });
    if (status != 304) {
        r.headersOut['Content-Length'] = `${Buffer.from(body).length}`;
    }
    r.sendHeader();
    if (body && r.method != 'HEAD') {
        r.send(body);
    }
    r.finish();
}

export default {answer, busy, failing, tooOften, unreadable};
