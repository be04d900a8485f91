using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;

namespace Platform.EventStore;

/// <summary>
/// Personal data: this text property, or list of texts, is stored encrypted and dies with the key of its tenant and
/// <see cref="SealScopeAttribute">scope</see>.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SealedAttribute : Attribute
{
    /// <summary>What a reader gets once the key is destroyed.</summary>
    public const string ErasedValue = "[erased]";
}

/// <summary>This text property, a service code, says which key seals the event. Without one it is the key of the whole tenant.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SealScopeAttribute : Attribute
{
    /// <summary>Scope of events that name none.</summary>
    public const string WholeTenant = "tenant";
}

/// <summary>The key that wraps the data keys in the database. It comes from a file and is never stored beside them.</summary>
public sealed class MasterKey
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private readonly byte[][] _keys;

    private MasterKey(byte[][] keys) => _keys = keys;

    /// <summary>
    /// Reads base64 keys of 32 bytes, one per line: the first wraps new data keys, all of them unwrap, so that a key is replaced by
    /// putting another line before it.
    /// </summary>
    /// <exception cref="FormatException">A line is not base64 of 32 bytes, or there is none.</exception>
    public static MasterKey FromFile(string path)
    {
        var keys = File.ReadLines(path).Where(line => line.Length > 0).Select(Convert.FromBase64String).ToArray();
        return keys.Length > 0 && keys.All(key => key.Length == 32)
            ? new MasterKey(keys)
            : throw new FormatException($"{path} must hold base64 keys of 32 bytes, one per line.");
    }

    internal byte[] Wrap(byte[] dataKey, string owner) => Encrypt(_keys[0], dataKey, owner);

    internal byte[] Unwrap(byte[] wrapped, string owner)
    {
        foreach (var key in _keys)
        {
            try
            {
                return Decrypt(key, wrapped, owner);
            }
            catch (AuthenticationTagMismatchException)
            {
                // Wrapped by another line of the file.
            }
        }

        throw new CryptographicException($"No line of the key file unwraps the data key of {owner}.");
    }

    /// <summary>Nonce, tag and cipher text of AES-256-GCM, bound to where the value stands so that it cannot be moved.</summary>
    internal static byte[] Encrypt(byte[] key, ReadOnlySpan<byte> plain, string place)
    {
        var result = new byte[NonceSize + TagSize + plain.Length];
        var nonce = result.AsSpan(0, NonceSize);
        var tag = result.AsSpan(NonceSize, TagSize);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(nonce, plain, result.AsSpan(NonceSize + TagSize), tag, Encoding.UTF8.GetBytes(place));
        return result;
    }

    internal static byte[] Decrypt(byte[] key, ReadOnlySpan<byte> value, string place)
    {
        var plain = new byte[value.Length - NonceSize - TagSize];
        using var aes = new AesGcm(key, TagSize);
        aes.Decrypt(
            value[..NonceSize], value[(NonceSize + TagSize)..], value.Slice(NonceSize, TagSize), plain, Encoding.UTF8.GetBytes(place));
        return plain;
    }
}

/// <summary>Data keys as they are at this moment, by tenant and scope. Read anew each time, so that a destroyed key is gone at once.</summary>
internal sealed class DataKeys(MasterKey master) : Dictionary<(string Tenant, string Scope), byte[]>
{
    public const string OfTenants = "select tenant_id, scope, wrapped from platform.keys where tenant_id = any($1) and wrapped is not null";

    public async Task Add(NpgsqlDataReader rows, CancellationToken cancellationToken)
    {
        while (await rows.ReadAsync(cancellationToken))
        {
            var (tenant, scope) = (rows.GetString(0), rows.GetString(1));
            this[(tenant, scope)] = master.Unwrap(rows.GetFieldValue<byte[]>(2), $"{tenant}/{scope}");
        }
    }

    /// <summary>Makes the keys that are still missing; one that was destroyed stays away.</summary>
    public async Task Provide(
        NpgsqlConnection connection, string tenant, IEnumerable<string> scopes, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var scope in scopes)
        {
            var wrapped = master.Wrap(RandomNumberGenerator.GetBytes(32), $"{tenant}/{scope}");
            batch.BatchCommands.Add(new(
                "insert into platform.keys (tenant_id, scope, wrapped, created_at) values ($1, $2, $3, $4) on conflict do nothing")
            {
                Parameters = { new() { Value = tenant }, new() { Value = scope }, new() { Value = wrapped }, new() { Value = now } },
            });
        }

        batch.BatchCommands.Add(new(OfTenants) { Parameters = { new() { Value = new[] { tenant } } } });
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
        await Add(rows, cancellationToken);
    }
}

/// <summary>The sealed properties of one event type.</summary>
internal sealed class SealedMembers
{
    private const string Prefix = "sealed:1:";
    private readonly Type _type;
    private readonly string[] _names;
    private readonly PropertyInfo? _scope;

    private SealedMembers(Type type, string[] names, PropertyInfo? scope) => (_type, _names, _scope) = (type, names, scope);

    public static SealedMembers? Of(Type type)
    {
        var properties = type.GetProperties();
        var members = properties.Where(property => property.IsDefined(typeof(SealedAttribute))).ToList();
        var scope = properties.SingleOrDefault(property => property.IsDefined(typeof(SealScopeAttribute)));
        if (members.Find(member => !typeof(IEnumerable<string>).IsAssignableFrom(member.PropertyType)
            && member.PropertyType != typeof(string)) is { } unfit)
        {
            throw new ArgumentException($"{type.Name}.{unfit.Name} is sealed but neither a text nor a list of texts.");
        }

        if (properties.Select(property => property.PropertyType).FirstOrDefault(inner => HoldsSealed(inner, [type])) is { } nested)
        {
            throw new ArgumentException($"{type.Name} holds {nested.Name}, which has sealed properties: only an event's own can be sealed.");
        }

        return members.Count == 0 ? null : new SealedMembers(type, [.. members.Select(member => member.Name)], scope);
    }

    private static bool HoldsSealed(Type type, HashSet<Type> seen) =>
        type.GetGenericArguments().Append(type.GetElementType()).OfType<Type>().Any(inner => HoldsSealed(inner, seen))
        || (seen.Add(type) && !type.Namespace!.StartsWith(nameof(System), StringComparison.Ordinal)
            && type.GetProperties().Any(property => property.IsDefined(typeof(SealedAttribute)) || HoldsSealed(property.PropertyType, seen)));

    public string ScopeOf(object happened) => (string?)_scope?.GetValue(happened) ?? SealScopeAttribute.WholeTenant;

    public byte[] Seal(object happened, Guid eventId, string tenant, DataKeys keys)
    {
        var scope = ScopeOf(happened);
        var key = keys.GetValueOrDefault((tenant, scope));
        var json = JsonSerializer.SerializeToNode(happened, _type, EventCatalog.Json)!;
        Replace(json, (text, name) => key is null
            ? SealedAttribute.ErasedValue
            : Prefix + Convert.ToBase64String(
                MasterKey.Encrypt(key, Encoding.UTF8.GetBytes(text), $"{tenant}/{scope}/{eventId}/{name}")));
        return JsonSerializer.SerializeToUtf8Bytes(json, EventCatalog.Json);
    }

    public object? Unseal(ReadOnlySpan<byte> stored, Guid eventId, string tenant, DataKeys keys)
    {
        var json = JsonNode.Parse(stored)!;
        var scope = (_scope is null ? null : (string?)json[_scope.Name]) ?? SealScopeAttribute.WholeTenant;
        var key = keys.GetValueOrDefault((tenant, scope));
        Replace(json, (text, name) =>
            !text.StartsWith(Prefix, StringComparison.Ordinal) ? text // a foreign writer left it open
            : key is null ? SealedAttribute.ErasedValue
            : Encoding.UTF8.GetString(MasterKey.Decrypt(
                key, Convert.FromBase64String(text[Prefix.Length..]), $"{tenant}/{scope}/{eventId}/{name}")));
        return json.Deserialize(_type, EventCatalog.Json);
    }

    private void Replace(JsonNode json, Func<string, string, string> change)
    {
        foreach (var name in _names)
        {
            if (json[name] is JsonArray texts)
            {
                json[name] = new JsonArray([.. texts.Select(text => text is null ? null : JsonValue.Create(change((string)text!, name)))]);
            }
            else if (json[name] is { } text)
            {
                json[name] = change((string)text!, name);
            }
        }
    }
}
