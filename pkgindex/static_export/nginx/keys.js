// Who sends a request, as in pkgindex/index/gate.py and lib/tokens.py.

import crypto from 'crypto';
import folder from 'folder.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const MALFORMED = 'The key is malformed: a character is wrong or missing';
const OTHER_KINDS = {
    ls: 'This key leases threads; the index wants one of the other kind',
    up: 'This key uploads; the index wants one of the other kind',
};

// {reader} or {wrong}, which says why the key opens no door.
function identify(r) {
    const header = r.headersIn.Authorization;
    if (header === undefined) {
        const anybody = folder.read('readers/anybody.json');
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
    const key = folder.readIfThere(`keys/${digest.slice(0, 2)}/${digest}.json`);
    if (!key) {
        return {wrong: 'The key is unknown'};
    }
    if (!key.reader || (key.until !== null && key.until <= Date.now() * 1000)) {
        return {wrong: key.ended || 'The key is unknown'};
    }
    const reader = folder.read(`readers/${key.reader}.json`);
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

export default {addressOf, identify};
