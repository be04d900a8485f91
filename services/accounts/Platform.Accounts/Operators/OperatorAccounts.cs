using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Platform.Accounts.Operators;

/// <summary>Credentials and personal data of one operator. What the operator may do stands in the operators stream.</summary>
internal sealed class OperatorAccount : IdentityUser<Guid>
{
    /// <summary>UUID text, or <c>provider</c>.</summary>
    public required string TenantId { get; init; }

    public required string DisplayName { get; init; }
}

/// <summary>The table behind ASP.NET Core Identity's user store.</summary>
internal sealed class OperatorAccounts(DbContextOptions<OperatorAccounts> options) : DbContext(options)
{
    public const int ShortestPassword = 12;

    /// <summary>Hashing costs time by length, and nobody types more.</summary>
    public const int LongestPassword = 200;

    public DbSet<OperatorAccount> Operators => Set<OperatorAccount>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<OperatorAccount>(account =>
    {
        account.ToTable("operators", "customer");
        account.HasKey(a => a.Id);
        account.Property(a => a.Id).HasColumnName("operator_id");
        account.Property(a => a.TenantId).HasColumnName("tenant_id");
        account.Property(a => a.Email).HasColumnName("email");
        account.Property(a => a.NormalizedEmail).HasColumnName("normalized_email");
        account.Property(a => a.DisplayName).HasColumnName("display_name");
        account.Property(a => a.PasswordHash).HasColumnName("password_hash");
        account.Property(a => a.SecurityStamp).HasColumnName("security_stamp");
        account.Property(a => a.ConcurrencyStamp).HasColumnName("concurrency_stamp").IsConcurrencyToken();
        account.Property(a => a.AccessFailedCount).HasColumnName("access_failed_count");
        account.Property(a => a.LockoutEnd).HasColumnName("lockout_end");
        // The mail address is the login; the rest waits for the day it is used.
        account.Ignore(a => a.UserName).Ignore(a => a.NormalizedUserName).Ignore(a => a.EmailConfirmed).Ignore(a => a.PhoneNumber)
            .Ignore(a => a.PhoneNumberConfirmed).Ignore(a => a.TwoFactorEnabled).Ignore(a => a.LockoutEnabled);
    });
}
