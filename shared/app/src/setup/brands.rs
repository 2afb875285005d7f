//! Brands (M136).

use super::{name, title};
use crate::view::List;
use crate::{App, AppError, Problem};
use serde::{Deserialize, Serialize};
use transom_core::account::Brand;
use transom_core::id::BrandId;
use transom_core::time::Timestamp;
use utoipa::ToSchema;

/// A brand as callers give it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrandBody {
    /// Its name for people.
    #[schema(example = "Acme")]
    pub name: String,
    /// Whether it is in use; true by default.
    pub active: Option<bool>,
}

/// A brand as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BrandView {
    /// Its name in paths.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether it is in use.
    pub active: bool,
}

impl From<&Brand> for BrandView {
    fn from(brand: &Brand) -> Self {
        Self { id: brand.id.to_string(), name: brand.name.clone(), active: brand.active }
    }
}

impl App {
    /// Creates or changes a brand; one that was deleted is there again.
    ///
    /// # Errors
    /// `invalid_request` naming the field, or when it could not be stored.
    pub async fn put_brand(&self, id: &str, body: &BrandBody) -> Result<BrandView, AppError> {
        let brand = Brand {
            id: name("brand", BrandId::parse(id))?,
            name: title("name", &body.name)?,
            active: body.active.unwrap_or(true),
            deleted_at: None,
        };
        self.store.put_brand(&brand).await?;
        Ok(BrandView::from(&brand))
    }

    /// A brand.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_brand(&self, id: &str) -> Result<BrandView, AppError> {
        Ok(BrandView::from(&self.existing_brand(id).await?))
    }

    /// All brands, by name.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn list_brands(&self) -> Result<List<BrandView>, AppError> {
        let brands = self.store.brands().await?;
        let here = brands.iter().filter(|b| b.deleted_at.is_none());
        Ok(List::whole(here.map(BrandView::from).collect()))
    }

    /// Deletes a brand. It stays as a tombstone, because conversations name it.
    ///
    /// # Errors
    /// `not_found`, or when it could not be stored.
    pub async fn delete_brand(&self, id: &str, now: Timestamp) -> Result<(), AppError> {
        let mut brand = self.existing_brand(id).await?;
        brand.deleted_at = Some(now);
        self.store.put_brand(&brand).await?;
        Ok(())
    }

    async fn existing_brand(&self, id: &str) -> Result<Brand, AppError> {
        let unknown = || Problem::not_found("brand with this name");
        let id = BrandId::parse(id).map_err(|_| unknown())?;
        let brand = self.store.brand(&id).await?.filter(|b| b.deleted_at.is_none());
        brand.ok_or_else(|| unknown().into())
    }
}
