using System.Collections.ObjectModel;
using System.Text;

namespace Grpc.Core;

/// <summary>Headers or trailers of a call: ordered, keys in lower case and repeatable.</summary>
public sealed class Metadata : Collection<Metadata.Entry>
{
    /// <summary>Keys with this ending carry bytes, all others printable ASCII.</summary>
    public const string BinaryHeaderSuffix = "-bin";

    /// <summary>Adds a text entry.</summary>
    public void Add(string key, string value) => Add(new Entry(key, value));

    /// <summary>Adds a binary entry; the key ends with <see cref="BinaryHeaderSuffix"/>.</summary>
    public void Add(string key, byte[] valueBytes) => Add(new Entry(key, valueBytes));

    /// <summary>The last entry with this key, or null.</summary>
    public Entry? Get(string key) => this.LastOrDefault(entry => entry.Has(key));

    /// <summary>Text of the last entry with this key, or null.</summary>
    public string? GetValue(string key) => Get(key)?.Value;

    /// <summary>Bytes of the last entry with this key, or null.</summary>
    public byte[]? GetValueBytes(string key) => Get(key)?.ValueBytes;

    /// <summary>All entries with this key, in order.</summary>
    public IEnumerable<Entry> GetAll(string key) => this.Where(entry => entry.Has(key));

    /// <summary>One key with its text or bytes.</summary>
    public sealed class Entry
    {
        private readonly string? _text;
        private readonly byte[]? _bytes;

        /// <summary>A text entry. Refuses what HTTP/2 could not carry: text outside printable ASCII, keys outside <c>[a-z0-9_.-]</c>.</summary>
        /// <exception cref="ArgumentException">Key or value cannot be sent.</exception>
        public Entry(string key, string value)
            : this(Checked(key, binary: false), value, null)
        {
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                throw new ArgumentException($"The value of {key} is not printable ASCII; send bytes under a key ending in -bin.", nameof(value));
            }
        }

        /// <summary>A binary entry.</summary>
        /// <exception cref="ArgumentException">The key cannot be sent or lacks <see cref="BinaryHeaderSuffix"/>.</exception>
        public Entry(string key, byte[] valueBytes)
            : this(Checked(key, binary: true), null, valueBytes)
        {
        }

        private Entry(string key, string? text, byte[]? bytes)
        {
            Key = key;
            _text = text;
            _bytes = bytes;
        }

        /// <summary>The key in lower case.</summary>
        public string Key { get; }

        /// <summary>Whether the entry carries bytes.</summary>
        public bool IsBinary => _bytes is not null;

        /// <summary>The text.</summary>
        /// <exception cref="InvalidOperationException">The entry is binary.</exception>
        public string Value => _text ?? throw new InvalidOperationException($"{Key} is binary: read ValueBytes.");

        /// <summary>The bytes; for a text entry those of its text.</summary>
        public byte[] ValueBytes => _bytes ?? Encoding.ASCII.GetBytes(_text!);

        /// <summary>As it stands in an HTTP/2 header: text as it is, bytes in base64.</summary>
        internal string WireValue => _text ?? Convert.ToBase64String(_bytes!);

        /// <inheritdoc/>
        public override string ToString() => $"[{Key}: {WireValue}]";

        internal bool Has(string key) => string.Equals(Key, key, StringComparison.OrdinalIgnoreCase);

        /// <summary>An entry as a peer sent it. Base64 comes with or without padding.</summary>
        internal static Entry FromWire(string key, string value)
        {
            if (!key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal))
            {
                return new Entry(key, value, null);
            }

            try
            {
                var padded = value.PadRight((value.Length + 3) / 4 * 4, '=');
                return new Entry(key, null, Convert.FromBase64String(padded));
            }
            catch (FormatException malformed)
            {
                throw new RpcException(new Status(StatusCode.Internal, $"The value of {key} is not base64.", malformed));
            }
        }

        private static string Checked(string key, bool binary)
        {
#pragma warning disable CA1308 // HTTP/2 header names are in lower case by RFC 9113, section 8.2.
            var lower = key.ToLowerInvariant();
#pragma warning restore CA1308
            var valid = lower.Length > 0 && lower.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '.' or '-');
            return valid && lower.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal) == binary
                ? lower
                : throw new ArgumentException($"'{key}' is no key for {(binary ? "bytes" : "text")}.", nameof(key));
        }
    }
}
